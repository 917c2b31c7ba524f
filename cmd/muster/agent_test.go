package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/musterhq/muster"
)

// runningAgent is an agent in this process, on ports of its own.
type runningAgent struct {
	*process
	gossip, url string
	try         []string // the flags of the node that it proposes to join with
}

// startAgent starts an agent and waits until it is ready. The test has to see to its end.
func startAgent(t *testing.T, vars map[string]string, flags ...string) *runningAgent {
	t.Helper()
	return awaitAgent(t, begin(t, vars, nil, append([]string{"agent"}, flags...)...))
}

func awaitAgent(t *testing.T, p *process) *runningAgent {
	t.Helper()
	a := &runningAgent{process: p}
	for line := range strings.Lines(p.out.await("\nready ")) {
		words := strings.Fields(line)
		switch {
		case len(words) == 2 && words[0] == "gossip":
			a.gossip = words[1]
		case len(words) == 2 && words[0] == "http" && a.url == "":
			a.url = words[1]
		case len(words) > 2 && words[0] == "muster" && strings.HasPrefix(line, "  "):
			a.try = words[2:]
		}
	}
	if a.gossip == "" || a.url == "" || a.try == nil {
		t.Fatalf("it does not say where it is:\n%s", p.out)
	}
	return a
}

// loopback are the flags of an agent that disturbs no other one.
func loopback(name string) []string {
	return []string{"--node", name, "--profile", "local", "--bind", "127.0.0.1:0", "--http", "127.0.0.1:0", "--dns", "127.0.0.1:0"}
}

func (a *runningAgent) terminate() {
	a.t.Helper()
	a.signals <- syscall.SIGTERM
	a.end(exitDone)
}

// fetch asks a node without keeping the connection.
func fetch(t *testing.T, method, url, body string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	return http.DefaultClient.Do(req)
}

// text is the body of an answer of status 2xx.
func text(t *testing.T, method, url, body string) string {
	t.Helper()
	res, err := fetch(t, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s, %v, %s", method, url, res.Status, err, b)
	}
	return string(b)
}

func TestAnAgentSaysWhereItIsAndStopsAtASignal(t *testing.T) {
	a := startAgent(t, nil, loopback("n1")...)
	first, _, _ := strings.Cut(a.out.String(), "\n")
	if first != "muster agent "+muster.Version()+" node=n1 dc=dc1" {
		t.Errorf("it begins with %q", first)
	}
	if !strings.Contains(a.out.String(), "\nui      "+a.url+"/ui/\n") {
		t.Errorf("it says nothing of its dashboard:\n%s", a.out)
	}
	for _, path := range []string{"/healthz", "/readyz", "/ui/"} {
		text(t, "GET", a.url+path, "")
	}
	// A stream is ended, so that stopping does not wait for whoever watches.
	stream, err := fetch(t, "GET", a.url+pathWatch, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Body.Close() }()
	if _, err := bufio.NewReader(stream.Body).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	a.terminate()
	if _, err := io.ReadAll(stream.Body); err != nil {
		t.Errorf("the stream broke off: %v", err)
	}
	if res, err := fetch(t, "GET", a.url+"/healthz", ""); err == nil {
		_ = res.Body.Close()
		t.Error("it still answers")
	}
	if errs := a.errs.String(); !strings.Contains(errs, "msg=stopping signal=terminated") || !strings.HasSuffix(errs, "msg=stopped\n") {
		t.Errorf("it logged\n%s", errs)
	}
}

// Leases wait for their heirs until the HTTP side has stopped.
func TestConnectionsKeptInReserveDoNotHoldUpAnAgentThatStops(t *testing.T) {
	a := startAgent(t, nil, loopback("n1")...)
	var d net.Dialer
	reserve, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(a.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reserve.Close() }()
	text(t, "GET", a.url+"/healthz", "") // It has been accepted before this one.
	begin := time.Now()
	a.terminate()
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("it took %v to stop", took)
	}
}

func TestWhatAnAgentProposesToTryWorks(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("MDEyMzQ1Njc4OWFiY2RlZg==\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n1 := startAgent(t, nil, append(loopback("n1"), "--encrypt-file", key, "--zone", "a")...)
	var commands []string
	for line := range strings.Lines(n1.out.String()) {
		if strings.HasPrefix(line, "  curl ") {
			commands = append(commands, line)
		}
	}
	if len(commands) != 2 {
		t.Fatalf("it proposes\n%s", n1.out)
	}
	_, body, _ := strings.Cut(strings.TrimSpace(commands[0]), " -d ")
	text(t, "POST", strings.Fields(commands[0])[3], strings.Trim(body, "'"))
	if got := text(t, "GET", strings.Fields(commands[1])[1], ""); !strings.Contains(got, "p1") {
		t.Errorf("what was registered is not found: %s", got)
	}
	digProposed(t, n1.out.String())
	if metrics := text(t, "GET", n1.url+"/metrics", ""); !strings.Contains(metrics, `muster_dns_answers_total{code="NOERROR",transport="udp"} `) {
		t.Error("the answers of DNS are not counted")
	}
	n2 := startAgent(t, nil, n1.try...)
	vars := map[string]string{"MUSTER_SERVER": n2.url}
	if got := invoke(t, vars, "verify", "--wait", "30s"); got.status != exitDone || strings.Count(got.out, "agrees") != 2 {
		t.Errorf("exit status %d: %s%s", got.status, got.out, got.errs)
	}
	if got := invoke(t, vars, "diff", "n1", "n1-2"); got.status != exitDone {
		t.Errorf("exit status %d: %s%s", got.status, got.out, got.errs)
	}
	if got := invoke(t, vars, "info", "-o", "json"); !strings.Contains(got.out, `"zone":"a"`) {
		t.Errorf("the second node is elsewhere: %s", got.out)
	}
	n1.terminate()
	n2.terminate()
}

// digProposed asks what the agent proposes to ask by dig, which not every machine has.
func digProposed(t *testing.T, said string) {
	t.Helper()
	_, after, found := strings.Cut(said, "\n  dig @")
	words := strings.Fields(after)
	if !found || len(words) < 5 || words[1] != "-p" || words[4] != "SRV" {
		t.Fatalf("it proposes no dig:\n%s", said)
	}
	var d net.Dialer
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return d.DialContext(ctx, network, net.JoinHostPort(words[0], words[2]))
	}}
	if _, places, err := r.LookupSRV(t.Context(), "", "", words[3]+"."); err != nil || len(places) != 1 || places[0].Port != 8080 {
		t.Errorf("by DNS there is %v, %v", places, err)
	}
}

func TestDNSCanBeOff(t *testing.T) {
	a := startAgent(t, nil, "--node", "n1", "--profile", "local", "--bind", "127.0.0.1:0", "--http", "127.0.0.1:0", "--dns", "off")
	if out := a.out.String(); strings.Contains(out, "\ndns ") || strings.Contains(out, "dig ") || !strings.Contains(out, " --dns off ") {
		t.Errorf("it says\n%s", out)
	}
	a.terminate()
}

func TestATakenDNSPortIsNamedBeforeAnythingElseIsOpened(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = udp.Close() }()
	taken := udp.LocalAddr().String()
	got := invoke(t, nil, "agent", "--bind", "127.0.0.1:0", "--http", "127.0.0.1:0", "--dns", taken)
	want := "muster: cannot listen for DNS on " + taken + ": address already in use: is another agent running? give another port with --dns, or port 0 for a free one\n"
	if got.status != exitFailed || got.errs != want || got.out != "" {
		t.Errorf("exit status %d: %s%s", got.status, got.out, got.errs)
	}
}

func TestASecondSignalStopsAtOnce(t *testing.T) {
	a := startAgent(t, nil, loopback("n1")...)
	// A request whose body does not come keeps the agent from stopping.
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	const head = "POST " + pathRegister + " HTTP/1.1\r\nHost: n1\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"
	if _, err := io.WriteString(conn, head); err != nil {
		t.Fatal(err)
	}
	// The agent has begun to read the body once it asks for it.
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("%q, %v", line, err)
	}
	a.signals <- os.Interrupt
	a.errs.await("msg=stopping")
	a.signals <- os.Interrupt
	a.end(exitFailed)
	if !strings.Contains(a.errs.String(), "stopped at once by a second signal") {
		t.Errorf("it said %s", a.errs)
	}
}

func TestASignalBeforeAnAgentIsReadyStopsIt(t *testing.T) {
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	p := begin(t, nil, nil, append(append([]string{"agent"}, loopback("n1")...), "--join", dead.Addr().String())...)
	p.out.await("\ntry:")
	p.signals <- syscall.SIGTERM
	p.end(exitDone)
	if strings.Contains(p.out.String(), "\nready") {
		t.Errorf("it was ready without its seed:\n%s", p.out)
	}
}

func TestAnAgentOnEveryInterfaceTellsAnAddressThatOthersReach(t *testing.T) {
	a := startAgent(t, nil, "--node", "n1", "--profile", "local", "--bind", "127.0.0.1:0", "--http", "127.0.0.1:0", "--http", "0.0.0.0:0", "--dns", "0.0.0.0:0", "--insecure",
		"--log-format", "json", "--log-level", "debug")
	lines := strings.Count(a.out.String(), "\nhttp    http://127.0.0.1:")
	got := invoke(t, map[string]string{"MUSTER_SERVER": a.url}, "verify")
	if !strings.Contains(a.out.String(), "\ndns     127.0.0.1:") {
		t.Errorf("it says nothing of its DNS that others could use:\n%s", a.out)
	}
	if lines != 2 || got.status != exitDone {
		t.Errorf("%d lines; exit status %d: %s\n%s", lines, got.status, got.errs, a.out)
	}
	if members := text(t, "GET", a.url+pathMembers, ""); strings.Contains(members, "0.0.0.0") || strings.Contains(members, strings.TrimPrefix(a.url, "http://")) {
		t.Errorf("members are told %s", members)
	}
	a.terminate()
	if !strings.HasPrefix(a.errs.String(), "{") {
		t.Errorf("it does not log JSON: %s", a.errs)
	}
}

func TestAnAgentKeepsItsRegistryInItsDataDirectory(t *testing.T) {
	dir := t.TempDir()
	vars := map[string]string{"MUSTER_DATA_DIR": dir}
	a := startAgent(t, vars, loopback("n1")...)
	invoke(t, map[string]string{"MUSTER_SERVER": a.url}, "register", "payments", "--address", "10.0.0.5", "--port", "8080", "--ttl", "1h")
	a.terminate()
	a = startAgent(t, vars, loopback("n1")...)
	if got := invoke(t, map[string]string{"MUSTER_SERVER": a.url}, "instances", "payments"); !strings.Contains(got.out, "payments-10.0.0.5-8080") {
		t.Errorf("after a restart there is\n%s%s", got.out, got.errs)
	}
	a.terminate()
}
