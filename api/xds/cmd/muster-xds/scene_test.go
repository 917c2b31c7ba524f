package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api"
)

func TestMain(m *testing.M) {
	if os.Getenv(envChild) != "" {
		os.Exit(child(os.Getenv(envChild)))
	}
	// gRPC's client keeps what it has of an xDS server for a while after the last channel is closed.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("google.golang.org/grpc/internal/grpcsync.(*CallbackSerializer).run"))
}

// patience is how long something may take that a machine with much else to do still has to do.
const patience = 30 * time.Second

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	eventuallyElse(t, what, func() any { return "" }, holds)
}

// eventuallyElse says what else there is, if it never holds.
func eventuallyElse(t *testing.T, what string, instead func() any, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("after %v it does not hold that %s: %v", patience, what, instead())
		}
		<-tick.C
	}
}

// startNode makes a node and serves its API; both end with the test.
func startNode(t *testing.T, cfg muster.Config) (*muster.Node, *httptest.Server) {
	t.Helper()
	cfg.Profile = "local"
	node, err := muster.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	closing, end := context.WithCancel(context.Background())
	server := httptest.NewServer(api.NewHandler(node, api.Config{Closing: closing}))
	t.Cleanup(func() {
		end()
		server.Close()
		_ = node.Close()
	})
	return node, server
}

// startPair makes two nodes of one data centre.
func startPair(t *testing.T) (a, b *muster.Node, servers []string) {
	t.Helper()
	a, one := startNode(t, muster.Config{Node: "a"})
	b, two := startNode(t, muster.Config{Node: "b", Join: []string{a.Addr()}})
	eventually(t, "both nodes are ready", func() bool { ready, _ := b.Ready(); return ready })
	return a, b, []string{one.URL, two.URL}
}

// put registers an instance at a node, without a lease, so that nobody has to renew it.
func put(t *testing.T, n *muster.Node, inst muster.Instance) muster.Key {
	t.Helper()
	inst.Permanent = true
	d, _, err := n.Put(t.Context(), inst)
	if err != nil {
		t.Fatal(err)
	}
	return d.Key()
}

// backend is an instance of a service that listens on an address of its own.
func backend(service, id, address string) muster.Instance {
	host, port, _ := net.SplitHostPort(address)
	n := 0
	for _, c := range port {
		n = 10*n + int(c-'0')
	}
	return muster.Instance{Service: service, ID: id, Address: host, Port: n}
}

// command is muster-xds as it runs in this process.
type command struct {
	ads, admin string
	stop       func()
	log        *lines
}

// lines keeps what is logged.
type lines struct {
	mu  sync.Mutex
	all strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// startCommand runs muster-xds until stop, or the end of the test, and returns once it listens.
func startCommand(t *testing.T, listen string, servers ...string) *command {
	t.Helper()
	args := []string{"--listen", listen, "--admin", "127.0.0.1:0", "--log-level", slog.LevelDebug.String()}
	for _, s := range servers {
		args = append(args, "--server", s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	out, stdout := io.Pipe()
	c := &command{log: &lines{}}
	done := make(chan int, 1) // Room for the status, whether somebody waits or not.
	go func() {
		code := run(ctx, args, func(string) string { return "" }, stdout, c.log)
		_ = stdout.Close()
		done <- code
	}()
	c.stop = sync.OnceFunc(func() {
		cancel()
		if code := <-done; code != exitDone {
			t.Errorf("muster-xds ended with status %d", code)
		}
	})
	t.Cleanup(func() {
		c.stop()
		if t.Failed() {
			t.Logf("muster-xds logged:\n%s", c.log)
		}
	})
	for said := bufio.NewScanner(out); c.admin == "" && said.Scan(); {
		if rest, ok := strings.CutPrefix(said.Text(), "ads "); ok {
			c.ads = rest
		}
		if rest, ok := strings.CutPrefix(said.Text(), "admin "); ok {
			c.admin = rest
		}
	}
	if c.ads == "" || c.admin == "" {
		t.Fatalf("muster-xds does not start: %s", c.log)
	}
	return c
}

// page is the status and the body of one of the command's own pages.
func (c *command) page(t *testing.T, path string) (int, string) {
	t.Helper()
	res, err := http.Get(c.admin + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	return res.StatusCode, string(b)
}

// ready waits until it serves.
func (c *command) ready(t *testing.T) {
	t.Helper()
	eventually(t, "muster-xds serves", func() bool { code, _ := c.page(t, "/readyz"); return code == http.StatusOK })
}

// noRefusal checks that no client ever refused anything.
func (c *command) noRefusal(t *testing.T) {
	t.Helper()
	_, metrics := c.page(t, "/metrics")
	n := 0
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "muster_xds_refusals_total{") {
			if n++; !strings.HasSuffix(line, " 0\n") {
				t.Errorf("a client refused something: %s", line)
			}
		}
	}
	if n != 4 {
		t.Errorf("there are %d series of refusals", n)
	}
}

// hits counts who was reached.
type hits struct {
	mu     sync.Mutex
	counts map[string]int
	failed atomic.Int64
	why    atomic.Value
}

func (h *hits) add(who string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.counts == nil {
		h.counts = map[string]int{}
	}
	h.counts[who]++
}

func (h *hits) fail(err error) {
	h.failed.Add(1)
	h.why.Store(err.Error())
}

// take is who was reached since the last time.
func (h *hits) take() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.counts
	h.counts = nil
	return out
}

// reaches waits until calls reach exactly those, forty times in a row without any other.
func (h *hits) reaches(t *testing.T, call func(), who ...string) {
	t.Helper()
	var last map[string]int
	eventuallyElse(t, "calls reach "+strings.Join(who, " and ")+" alone", func() any { return last }, func() bool {
		h.take()
		for range 40 {
			call()
		}
		last = h.take()
		if len(last) != len(who) {
			return false
		}
		for _, w := range who {
			if last[w] == 0 {
				return false
			}
		}
		return true
	})
}

// avoids waits until calls no longer reach someone, forty times in a row.
func (h *hits) avoids(t *testing.T, call func(), who string) {
	t.Helper()
	eventually(t, "calls avoid "+who, func() bool {
		h.take()
		for range 40 {
			call()
		}
		got := h.take()
		return len(got) > 0 && got[who] == 0
	})
}
