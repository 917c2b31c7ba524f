package proc

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/e2e/need"
)

const repository = "../.."

func readme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(repository, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// blocks are the code blocks of the README whose opening line says so.
func blocks(t *testing.T, opening string) []string {
	t.Helper()
	var found []string
	for _, m := range regexp.MustCompile("(?ms)^```"+opening+"\n(.*?)^```$").FindAllStringSubmatch(readme(t), -1) {
		found = append(found, m[1])
	}
	if len(found) == 0 {
		t.Fatalf("the README has no block %q", opening)
	}
	return found
}

// The quick start does what it says, word for word, on other ports.
func TestQuickStartOfTheReadmeWorks(t *testing.T) {
	need.All(t, need.Missing("bash", "curl")...)
	script := strings.Join(blocks(t, "sh quickstart"), "\n")
	dir := t.TempDir()
	if err := os.Symlink(binary(t), filepath.Join(dir, "muster")); err != nil {
		t.Fatal(err)
	}
	script = strings.Replace(script, "go build -o muster ./cmd/muster\n", "", 1)
	ports := map[string]string{}
	for _, port := range []string{"7946", "7947", "7948", "8761", "8762", "8763", "8600", "8601", "8602"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports[port] = l.Addr().String()
		_ = l.Close()
		script = strings.ReplaceAll(script, "127.0.0.1:"+port, ports[port])
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// Job control makes %1 mean what it means at a prompt; at the end every job is ended, and waited for.
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -m\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n"+script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "MUSTER_BIND="+ports["7946"], "MUSTER_HTTP="+ports["8761"], "MUSTER_DNS="+ports["8600"], "MUSTER_SERVER=http://"+ports["8761"])
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v", err)
	}
	got := string(out)
	for _, want := range []string{
		`(?m)^n3 +dc1 +- +alive `,
		`(?m)^payments-127.0.0.1-8080 .* dc1/n1$`,
		`(?m)^payments-127.0.0.1-8080 .* dc1/n2$`,
		`(?m)^n1 +agrees .* 1 +-$`,
		`(?m)^n2 +agrees .* 1 +-$`,
		`(?m)^n3 +agrees .* 1 +-$`,
	} {
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("nothing in the output is like %s", want)
		}
	}
	if t.Failed() {
		t.Logf("script:\n%s\noutput:\n%s", script, got)
	}
}

// What the README asks by dig is answered as it says.
func TestQuestionsToDNSOfTheReadmeAreAnsweredAsItSays(t *testing.T) {
	need.All(t, need.Missing("bash", "dig")...)
	a := startAgent(t, binary(t), "n1", "--dns", "127.0.0.1:0")
	a.waitReady(10 * time.Second)
	a.must("POST", "/api/v1/services/instances", map[string]any{
		"service": "Payments", "address": "10.0.0.5", "port": 8080, "tags": []string{"v2"}, "metadata": map[string]string{"version": "1.4"},
	}, http.StatusCreated)
	_, port, err := net.SplitHostPort(a.dns)
	if err != nil {
		t.Fatal(err)
	}
	script := strings.ReplaceAll(blocks(t, "sh dns")[0], "-p 8600", "-p "+port)
	out, err := exec.Command("bash", "-ec", script).CombinedOutput()
	_, after, _ := strings.Cut(readme(t), "```sh dns\n")
	_, after, _ = strings.Cut(after, "\n```\n\n```\n")
	want, _, found := strings.Cut(after, "```\n")
	if err != nil || !found || string(out) != want {
		t.Errorf("%v\n%s\nprints\n%s\nand the README says\n%s", err, script, out, want)
	}
}

// The whole programs in the README compile against the module as it is. What is only a part of one is compared with
// programs that are compiled by the tests of the package that it is about.
func TestGoProgramsOfTheReadmeCompile(t *testing.T) {
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	programs := slices.DeleteFunc(blocks(t, "go"), func(s string) bool { return !strings.HasPrefix(s, "package ") })
	if len(programs) == 0 {
		t.Fatal("the README has no program in Go")
	}
	for _, snippet := range programs {
		dir := t.TempDir()
		source := filepath.Join(dir, "main.go")
		if err := os.WriteFile(source, []byte(snippet), 0o600); err != nil {
			t.Fatal(err)
		}
		// The overlay puts the file into the module without touching the tree.
		overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, "e2e", "snippet", "main.go"): source}})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "overlay.json")
		if err := os.WriteFile(file, overlay, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("go", "build", "-overlay", file, "-o", os.DevNull, "./e2e/snippet")
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s\nin\n%s", err, out, snippet)
		}
	}
}

// What the README does by Nacos' protocol does what it says: the instance is registered, renewed, and found.
func TestRequestsToNacosOfTheReadmeDoWhatItSays(t *testing.T) {
	need.All(t, need.Missing("bash", "curl")...)
	a := startAgent(t, binary(t), "n1")
	a.waitReady(10 * time.Second)
	script := strings.ReplaceAll(blocks(t, "sh nacos")[0], "http://127.0.0.1:8761", a.http)
	out, err := exec.Command("bash", "-ec", strings.ReplaceAll(script, "curl ", "curl -sSf ")).CombinedOutput()
	const want = `ok{"clientBeatInterval":5000,"code":10200,"lightBeatEnabled":true}{"name":"DEFAULT_GROUP@@invoices",`
	if err != nil || !strings.HasPrefix(string(out), want) || !strings.Contains(string(out), `"ip":"10.0.0.8","port":8080,"weight":1.0,"healthy":true`) {
		t.Errorf("%v\n%s\nprints\n%s", err, script, out)
	}
}

// What the README does by Consul's protocol does what it says: the instance is found, passing, and then in maintenance.
func TestRequestsToConsulOfTheReadmeDoWhatItSays(t *testing.T) {
	need.All(t, need.Missing("bash", "curl")...)
	a := startAgent(t, binary(t), "n1")
	a.waitReady(10 * time.Second)
	script := strings.ReplaceAll(blocks(t, "sh consul")[0], "http://127.0.0.1:8761", a.http)
	out, err := exec.Command("bash", "-ec", strings.ReplaceAll(script, "curl ", "curl -sSf ")).CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), `[{"Node":{`) || !strings.Contains(string(out), `"ID":"orders-1"`) {
		t.Errorf("%v\n%s\nprints\n%s", err, script, out)
	}
	if got := a.instances("orders")["orders-1"].Status; got != "OUT_OF_SERVICE" {
		t.Errorf("at the end the instance is %s", got)
	}
}

// What the README does by TLS works as it stands, on an address of this machine.
func TestTLSOfTheReadmeWorks(t *testing.T) {
	need.All(t, need.Missing("bash", "curl")...)
	dir := t.TempDir()
	if err := os.Symlink(binary(t), filepath.Join(dir, "muster")); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	script := strings.NewReplacer("10.0.0.5:8761", address, "10.0.0.5", "127.0.0.1", "ca.pem &\n", "ca.pem --bind 127.0.0.1:0 --dns off >log 2>&1 &\nuntil grep -q ^ready log; do sleep 0.1; done\n",
		"curl ", "curl -sSf ").Replace(blocks(t, "sh tls")[0])
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-ec", "set -m\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n"+script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil || !regexp.MustCompile(`(?m)^n1 +dc1 +- +alive `).Match(out) || !strings.Contains(string(out), `"ready":true`) {
		t.Errorf("%v\nscript:\n%s\noutput:\n%s", err, script, out)
	}
}
