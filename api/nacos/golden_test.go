package nacos_test

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
	"github.com/musterhq/muster/api/nacos"
)

var update = flag.Bool("update", false, "record the answers that come as those that are expected")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ nacos.Node = (*apitest.Fake)(nil)

const (
	betweenSteps = "\n====\n"
	beforeAnswer = "\n----\n"
)

// A file of testdata/golden is a conversation with a new node: steps separated by "====", each a request, "----", and
// its answer. A line that begins with # is a comment, one that begins with ! lets something happen to the node first. A
// form may be written on several lines. The request "CATALOG namespace service" is answered with what the catalog
// holds.
func TestEveryCaseIsAnsweredAsANacosServerWould(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			recorded, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			now := converse(t, string(recorded))
			if *update {
				if err := os.WriteFile(file, []byte(now), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, got := strings.Split(string(recorded), betweenSteps), strings.Split(now, betweenSteps)
			for i := range got {
				if strings.TrimRight(got[i], "\n") != strings.TrimRight(want[i], "\n") {
					t.Fatalf("step %d is answered otherwise than recorded:\n%s", i+1, got[i])
				}
			}
		})
	}
}

// converse runs a conversation and is what the file should hold.
func converse(t *testing.T, recorded string) string {
	t.Helper()
	node := apitest.New()
	api := nacos.New(node, nacos.Config{MaxBodyBytes: 4096, Now: func() time.Time { return apitest.Start }})
	var steps []string
	for step := range strings.SplitSeq(strings.TrimSuffix(recorded, "\n"), betweenSteps) {
		said, _, _ := strings.Cut(step+"\n", beforeAnswer)
		lines := strings.Split(said, "\n")
		for len(lines) > 0 && (strings.HasPrefix(lines[0], "#") || strings.HasPrefix(lines[0], "!")) {
			if what, ok := strings.CutPrefix(lines[0], "! "); ok {
				happen(t, node, strings.Fields(what))
			}
			lines = lines[1:]
		}
		head, body, _ := strings.Cut(strings.Join(lines, "\n"), "\n\n")
		var answer string
		if key, ok := strings.CutPrefix(head, "CATALOG "); ok {
			namespace, service, _ := strings.Cut(key, " ")
			answer = held(node.Find(namespace, service))
		} else {
			answer = exchange(t, api, head, strings.ReplaceAll(body, "\n", ""))
		}
		steps = append(steps, said+beforeAnswer+answer)
	}
	return strings.Join(steps, betweenSteps) + "\n"
}

// exchange sends a request and renders its answer.
func exchange(t *testing.T, api *nacos.API, head, body string) string {
	t.Helper()
	method, target, ok := strings.Cut(head, " ")
	if !ok {
		t.Fatalf("no request in %q", head)
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(body, "@")); err == nil {
		body = strings.Repeat("x", n)
	}
	req := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	rec := httptest.NewRecorder()
	api.ServeHTTP(rec, req)
	var b strings.Builder
	fmt.Fprintln(&b, rec.Code)
	for _, name := range slices.Sorted(maps.Keys(rec.Header())) {
		if name != "Content-Length" {
			fmt.Fprintf(&b, "%s: %s\n", name, rec.Header().Get(name))
		}
	}
	return strings.TrimRight(b.String()+"\n"+rec.Body.String(), "\n")
}

// held is what the catalog has of a service, an instance a line.
func held(view *muster.View) string {
	var lines []string
	for inst := range view.All() {
		line := fmt.Sprintf("%s at %s:%d zone=%q weight=%d %v ttl=%v", inst.ID, inst.Address, inst.Port, inst.Zone, inst.Weight, inst.Status, inst.TTL)
		if inst.Permanent {
			line += " permanent"
		}
		if inst.Secure {
			line += " secure"
		}
		if len(inst.Checks) > 0 {
			line += fmt.Sprintf(" %s=%s/%v", inst.Checks[0].ID, inst.Checks[0].TCP, inst.Checks[0].Interval)
		}
		lines = append(lines, fmt.Sprintf("%s %v %v", line, inst.Metadata, inst.Attributes))
	}
	if lines == nil {
		return "nothing"
	}
	return strings.Join(lines, "\n")
}

// happen lets something happen to the node.
func happen(t *testing.T, node *apitest.Fake, what []string) {
	t.Helper()
	switch what[0] {
	case "ready":
		node.SetReady(what[1] == "true", "the test says so")
	case "preserve", "evict", "override", "clear":
		key := muster.Key{Namespace: "default", Service: what[1], ID: what[2]}
		switch what[0] {
		case "preserve":
			node.Preserve(key)
		case "evict":
			node.Evict(key)
		case "clear":
			if _, err := node.SetOverride(t.Context(), key, muster.StatusNone, ""); err != nil {
				t.Fatal(err)
			}
		default:
			status, err := muster.ParseStatus(what[3])
			if err != nil {
				t.Fatal(err)
			}
			if _, err := node.SetOverride(t.Context(), key, status, ""); err != nil {
				t.Fatal(err)
			}
		}
	case "native", "elsewhere": // namespace, service, id, host:port, field=value...
		inst := muster.Instance{Namespace: what[1], Service: what[2], ID: what[3]}
		host, port, _ := strings.Cut(what[4], ":")
		inst.Address, inst.Port = host, number(t, port)
		for _, field := range what[5:] {
			key, value, _ := strings.Cut(field, "=")
			switch key {
			case "zone":
				inst.Zone = value
			case "weight":
				inst.Weight = number(t, value)
			case "ttl":
				inst.TTL = time.Duration(number(t, value)) * time.Second
			case "secure":
				inst.Secure = true
			case "permanent":
				inst.Permanent = true
			case "status":
				status, err := muster.ParseStatus(value)
				if err != nil {
					t.Fatal(err)
				}
				inst.Status = status
			default:
				inst.Metadata = map[string]string{key: value}
			}
		}
		var err error
		if what[0] == "native" {
			_, _, err = node.Put(t.Context(), inst)
		} else {
			err = node.Learn("dc2", inst)
		}
		if err != nil {
			t.Fatal(err)
		}
	case "member":
		m := muster.Member{Name: what[1], Datacenter: "dc1", State: what[2]}
		if len(what) > 3 {
			m.HTTP = what[3]
		}
		node.AddMember(m)
	case "fault":
		node.SetFault(map[string]error{
			"none": nil, "closed": fmt.Errorf("put: %w", muster.ErrClosed), "broken": http.ErrAbortHandler,
		}[what[1]])
	default:
		t.Fatalf("nothing like %q can happen", what)
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
