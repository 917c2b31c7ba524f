package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
)

// names is a resolver that a test can change.
type names struct {
	mu    sync.Mutex
	hosts map[string][]string
	asked int
}

func (n *names) set(host string, addresses ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[host] = addresses
}

func (n *names) LookupHost(_ context.Context, host string) ([]string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	if n.hosts[host] == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return n.hosts[host], nil
}

func TestNameOfNodesIsResolvedAnew(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		dns := &names{hosts: map[string][]string{"muster.internal": {"10.0.0.1", "10.0.0.2"}}}
		for i, at := range hosts {
			w.net.start(at, fmt.Sprintf("n%d", i+1), w.interposed(func(a handlerArgs) bool {
				if a.r.Host != "muster.internal:8761" {
					t.Errorf("the node is called %q", a.r.Host)
				}
				return false
			}))
		}
		w.put(w.shared, "payments", "p1")
		c := w.client(func(cfg *Config) { cfg.Nodes, cfg.Resolver = []string{"muster.internal:8761"}, dns })
		w.resolve(c, "payments")
		if got := fmt.Sprint(c.Nodes()); got != "[http://10.0.0.1:8761 http://10.0.0.2:8761]" {
			t.Errorf("nodes %s", got)
		}
		dns.set("muster.internal", "10.0.0.3", "fd00::1")
		time.Sleep(time.Minute)
		if got := fmt.Sprint(c.Nodes()); got != "[http://10.0.0.3:8761 http://[fd00::1]:8761]" {
			t.Errorf("nodes %s", got)
		}
		w.net.kill(one)
		w.net.kill(two)
		w.put(w.shared, "payments", "p2")
		time.Sleep(10 * time.Second)
		if v := c.Lookup("payments"); ids(v.Instances()) != "p1 p2" {
			t.Errorf("the view has %q", ids(v.Instances()))
		}
		dns.set("muster.internal")
		time.Sleep(time.Minute)
		if got := fmt.Sprint(c.Nodes()); got != "[http://muster.internal:8761]" {
			t.Errorf("a name that is not resolved stands for %s", got)
		}
	})
}

func TestMembersAreLearnedFromTheNodesThatAreConfigured(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		for i, at := range []string{two, three} {
			w.shared.AddMember(muster.Member{Name: strconv.Itoa(i), State: "alive", HTTP: at})
		}
		w.shared.AddMember(muster.Member{Name: "gone", State: "failed", HTTP: "10.0.0.9:8761"})
		w.shared.AddMember(muster.Member{Name: "silent", State: "alive"})
		w.put(w.shared, "payments", "p1")
		c := w.client(func(cfg *Config) { cfg.Nodes, cfg.Learn = []string{one}, true })
		w.resolve(c, "payments")
		synctest.Wait()
		if got := fmt.Sprint(c.Nodes()); got != "[http://10.0.0.1:8761 http://10.0.0.2:8761 http://10.0.0.3:8761 http://127.0.0.1:8761]" {
			t.Errorf("nodes %s", got)
		}
		w.net.kill(one)
		w.put(w.shared, "payments", "p2")
		time.Sleep(10 * time.Second)
		if v := c.Lookup("payments"); ids(v.Instances()) != "p1 p2" {
			t.Errorf("without the only configured node the view has %q", ids(v.Instances()))
		}
	})
}

// A node that does not answer is not asked for a while, and one request tries it then.
func TestBreakerKeepsRequestsFromANodeThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		var reached atomic.Int32
		tries := func() int { return int(reached.Load()) }
		w.net.start(one, "n1", w.interposed(func(a handlerArgs) bool { reached.Add(1); a.rw.WriteHeader(500); return true }))
		c := w.client(func(cfg *Config) { cfg.Nodes, cfg.RetryRate = []string{one}, 1000 })
		ask := func() error { return c.Deregister(w.Context(), "payments", "p1") }
		get := func() error {
			_, err := c.call(w.Context(), request{method: "GET", path: "/api/v1/services/x", timeout: time.Second})
			return err
		}
		for range 10 {
			if err := get(); !errors.Is(err, ErrUnavailable) {
				t.Fatal(err)
			}
		}
		if tries() != breakerTrips {
			t.Errorf("%d requests reached the node, want %d", tries(), breakerTrips)
		}
		if err := ask(); !errors.Is(err, ErrUnavailable) || tries() != breakerTrips+1 {
			t.Errorf("a request about a lease is put off: %v", err)
		}
		time.Sleep(breakerOpen + time.Millisecond)
		_, _ = get(), get()
		if tries() != breakerTrips+2 {
			t.Errorf("%d requests tried it afterwards, want one", tries()-breakerTrips-1)
		}
	})
}

// Who is not a node is not believed, whatever it answers.
func TestAnswersOfWhoIsNoNodeAreFaults(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 304, 404, 302, 429, 500, 503} {
		inWorld(t, func(t *testing.T, w *world) {
			for _, at := range hosts {
				w.net.start(at, "", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
					rw.WriteHeader(status)
					_, _ = rw.Write([]byte(`{"instances":[]}`))
				}))
			}
			c := w.client(func(cfg *Config) { cfg.Refresh = Poll })
			ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
			defer cancel()
			if v, err := c.Resolve(ctx, "payments"); !errors.Is(err, ErrUnavailable) || v.Known() {
				t.Errorf("%d: %v", status, err)
			}
		})
	}
}

func TestBudgetBoundsWhatIsSentBeyondTheUsual(t *testing.T) {
	t.Parallel()
	b := newBudget(2)
	at := time.Unix(0, 0)
	for i := range 10 {
		if d := b.take(at, false); d != 0 {
			t.Errorf("the burst's request %d waits %v", i, d)
		}
	}
	if d := b.take(at, false); d != 500*time.Millisecond {
		t.Errorf("the next one waits %v", d)
	}
	for range 9 { // Into debt, as far as the burst is large.
		if d := b.take(at, true); d != 0 {
			t.Errorf("an urgent one waits %v", d)
		}
	}
	if d := b.take(at, true); d != 500*time.Millisecond {
		t.Errorf("an urgent one after the debt waits %v", d)
	}
	if d := b.take(at.Add(time.Hour), false); d != 0 {
		t.Errorf("an hour later one waits %v", d)
	}
}

func TestBackoffGrowsAndIsNeverTheSameForAll(t *testing.T) {
	t.Parallel()
	for failures, most := range map[int]time.Duration{1: 250 * time.Millisecond, 2: 500 * time.Millisecond, 7: 15 * time.Second, 100: 15 * time.Second} {
		seen := map[time.Duration]bool{}
		for range 100 {
			d := backoff(failures, 15*time.Second)
			if d < most/2 || d > most {
				t.Errorf("after %d failures %v, want %v to %v", failures, d, most/2, most)
			}
			seen[d] = true
		}
		if len(seen) < 90 {
			t.Errorf("after %d failures only %d of 100 differ", failures, len(seen))
		}
	}
}

func TestConfigNamesEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := New(Config{
		Nodes: []string{"ftp://x", "http://", "http://x/path", "http://u@x", "http://x y"}, Refresh: 9, Interval: -1, StaleAfter: -1, Timeout: -1,
		MaxBackoff: -1, Spread: -1, RetryRate: -1, MaxServices: -1, Guard: Guard{Share: 2, Hold: -1},
	})
	if err == nil {
		t.Fatal("it is taken")
	}
	for _, want := range []string{
		`"ftp://x": the scheme`, `"http://": the host`, `"http://x/path": give`, `"http://u@x": give`, "invalid character", "Refresh", "Interval",
		"StaleAfter", "Timeout", "MaxBackoff", "Spread", "RetryRate", "MaxServices", "Guard.Share", "Guard.Hold",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
	c, err := New(Config{})
	if err != nil || fmt.Sprint(c.Nodes()) != "[http://127.0.0.1:8761]" {
		t.Errorf("the zero config: %v", err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// Over TLS a node that is reached by one of its name's addresses shows the certificate of its name.
func TestNodesBehindANameAreVerifiedByThatName(t *testing.T) {
	t.Parallel()
	w := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Muster-Node", "n1")
		if r.Header.Get("Authorization") != "Bearer secret" {
			rw.WriteHeader(http.StatusUnauthorized)
		}
	}))
	w.StartTLS()
	defer w.Close()
	_, port, err := net.SplitHostPort(w.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(w.Certificate())
	for name, ok := range map[string]bool{"example.com": true, "example.org": false} {
		c, err := New(Config{
			Nodes: []string{"https://" + name + ":" + port}, TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13},
			Resolver: &names{hosts: map[string][]string{name: {"127.0.0.1"}}}, Token: "secret",
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Deregister(t.Context(), "payments", "p1"); (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
