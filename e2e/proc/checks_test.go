package proc

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// patient is what health checks look at: well until it is told to be otherwise.
type patient struct {
	sick     atomic.Bool
	http     *httptest.Server
	grpc     *httptest.Server
	tcp      string
	file     string
	runs     atomic.Int64 // of the HTTP check
	mu       sync.Mutex
	listener net.Listener
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	p := &patient{file: filepath.Join(t.TempDir(), "well")}
	p.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.runs.Add(1)
		if p.sick.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(p.http.Close)
	p.grpc = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		status := byte(1)
		if p.sick.Load() {
			status = 2
		}
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		_, _ = w.Write([]byte{0, 0, 0, 0, 2, 1 << 3, status}) // A frame of two bytes: field 1 is the status.
		w.Header().Set("Grpc-Status", "0")
	}))
	p.grpc.Config.Protocols = new(http.Protocols)
	p.grpc.Config.Protocols.SetUnencryptedHTTP2(true)
	p.grpc.Start()
	t.Cleanup(p.grpc.Close)
	p.listen(t, "127.0.0.1:0")
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		_ = p.listener.Close()
	})
	p.set(t, false)
	return p
}

func (p *patient) listen(t *testing.T, at string) {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	p.listener, p.tcp = l, l.Addr().String()
	p.mu.Unlock()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
}

// set makes it well or sick, in every way there is.
func (p *patient) set(t *testing.T, sick bool) {
	t.Helper()
	was := p.sick.Swap(sick)
	if sick {
		_ = os.Remove(p.file)
		p.mu.Lock()
		_ = p.listener.Close()
		p.mu.Unlock()
		return
	}
	if err := os.WriteFile(p.file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if was {
		p.listen(t, p.tcp)
	}
}

// statuses is the status of each instance of a service, in a line.
func (a *agent) statuses(service string) string {
	var parts []string
	all := a.instances(service)
	for _, id := range []string{"http", "tcp", "grpc", "script", "alias", "ttl"} {
		parts = append(parts, id+" "+all[id].Status)
	}
	return strings.Join(parts, ", ")
}

func allAre(status string) string {
	return strings.ReplaceAll("http X, tcp X, grpc X, script X, alias X, ttl X", "X", status)
}

// Every type of check is run at the home, seen at every node, and goes on at the heirs when the home is killed.
func TestChecksGoOnWhenTheirHomeIsKilled(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	agents := cluster(t, binary(t), 3, "--enable-script-checks")
	a, b, c := agents[0], agents[1], agents[2]
	for id, check := range map[string]map[string]any{
		"http":   {"http": p.http.URL},
		"tcp":    {"tcp": p.tcp},
		"grpc":   {"grpc": strings.TrimPrefix(p.grpc.URL, "http://") + "/web"},
		"script": {"script": []string{"test", "-e", p.file}, "failuresBeforeCritical": 1},
		"alias":  {"alias": "http"},
		"ttl":    {"id": "ttl", "ttl": "3s", "initial": "critical"},
	} {
		if _, passive := check["ttl"]; !passive && id != "alias" {
			check["interval"], check["timeout"] = "1s", "500ms"
		}
		a.must("POST", "/api/v1/services/instances", map[string]any{
			"service": "p", "id": id, "address": "127.0.0.1", "permanent": true, "checks": []any{check},
		}, 201)
	}
	report := func(at *agent) {
		status := "passing"
		if p.sick.Load() {
			status = "critical"
		}
		at.must("PUT", "/api/v1/services/p/instances/ttl/checks/ttl", map[string]string{"status": status, "output": at.name}, 204)
	}
	// settle waits until those nodes have all of them as they should be, while its client reports at another node.
	settle := func(what, want string, nodes ...*agent) {
		t.Helper()
		for _, n := range nodes {
			n.until(15*time.Second, what, func() bool { report(nodes[len(nodes)-1]); return n.statuses("p") == want })
		}
	}
	b.until(2*time.Second, "informed", func() bool { return len(b.instances("p")) == 6 })
	c.until(2*time.Second, "informed", func() bool { return len(c.instances("p")) == 6 })
	settle("well", allAre("UP"), a, b, c)
	p.set(t, true)
	// A script that tests for a file exits with 1, which is a warning: it stays UP.
	sick := strings.ReplaceAll(allAre("DOWN"), "script DOWN", "script UP")
	settle("sick", sick, a, b, c)
	p.set(t, false)
	settle("well again", allAre("UP"), a, b, c)

	a.kill()
	b.until(15*time.Second, "an heir of all", func() bool {
		for _, i := range b.instances("p") {
			if i.Home == "dc1/n1" {
				return false
			}
		}
		return true
	})
	before := p.runs.Load()
	b.until(5*time.Second, "running the checks of the dead", func() bool { return p.runs.Load() >= before+3 })
	p.set(t, true)
	settle("sick after the death of the home", sick, b, c)
	p.set(t, false)
	settle("well after the death of the home", allAre("UP"), b, c)

	// A lone client that falls silent: its instance stays, and is critical.
	c.until(10*time.Second, "aware that the reports have stopped", func() bool {
		i, ok := c.instances("p")["ttl"]
		return ok && i.Status == "DOWN"
	})
}

// Scripts of registrations are refused by a node that has not been told to run them.
func TestScriptsAreRefusedUnlessEnabled(t *testing.T) {
	t.Parallel()
	a := startAgent(t, binary(t), "n1")
	a.waitReady(20 * time.Second)
	file := filepath.Join(t.TempDir(), "ran")
	body := a.must("POST", "/api/v1/services/instances", map[string]any{
		"service": "p", "id": "1", "address": "127.0.0.1", "port": 9,
		"checks": []any{map[string]any{"script": []string{"touch", file}, "interval": "1s"}},
	}, 422)
	if !strings.Contains(string(body), `"checks[0].script"`) {
		t.Errorf("the answer is %s", body)
	}
}

// Ten thousand HTTP checks at 10 s take one node less than half a core.
func TestTenThousandChecksTakeLessThanHalfACore(t *testing.T) {
	p := newPatient(t)
	a := startAgent(t, fastBinary(t), "n1")
	a.waitReady(20 * time.Second)
	const total, workers = 10_000, 8
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < total; i += workers {
				status, b, err := a.call("POST", "/api/v1/services/instances", map[string]any{
					"service": fmt.Sprintf("s%d", i%100), "id": id(i), "address": "127.0.0.1", "permanent": true,
					"checks": []any{map[string]any{"http": p.http.URL, "interval": "10s", "timeout": "5s"}},
				})
				if err != nil || status != 201 {
					t.Errorf("registration %d: %d, %v: %s", i, status, err, b)
					return
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	time.Sleep(11 * time.Second) // All have run once, and have written that they did.
	cpu, runs, began := cpuOf(t, a), p.runs.Load(), time.Now()
	time.Sleep(20 * time.Second)
	took := time.Since(began)
	cores := (cpuOf(t, a) - cpu).Seconds() / took.Seconds()
	rate := float64(p.runs.Load()-runs) / took.Seconds()
	t.Logf("%.0f checks a second take %.3f of a core, %.0f us each", rate, cores, cores/rate*1e6)
	// What a busy machine has put off before is caught up with meanwhile.
	if rate < 850 || rate > 1150 {
		t.Errorf("%.0f checks a second, want about 1,000", rate)
	}
	if cores > 0.5 {
		t.Errorf("they take %.3f of a core, want at most half of one", cores)
	}
}

// cpuOf is how much processor time an agent has taken, in ticks of a hundredth of a second.
func cpuOf(t *testing.T, a *agent) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", a.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	total := 0
	for _, f := range fields[11:13] { // utime and stime
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	return time.Duration(total) * 10 * time.Millisecond
}
