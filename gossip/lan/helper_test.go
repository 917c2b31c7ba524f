package lan

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/musterhq/muster/gossip/gossiptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bubble runs a test in virtual time on its own network. memberlist does not wait for its timers when it shuts down, and
// time stands still once the test has returned, so the last thing to be done is to let them run out.
func bubble(t *testing.T, opts gossiptest.Options, f func(*testing.T, *gossiptest.Network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(time.Minute) })
		f(t, gossiptest.New(1, opts))
	})
}

// node is a pool whose callbacks are written down.
type node struct {
	*Pool
	tr *gossiptest.Transport

	mu      sync.Mutex
	events  []Event
	got     []string // "from: message"
	digests map[string]time.Duration
	lines   []string
}

// boot starts a node on the host of its name, with what edit says.
func boot(n *gossiptest.Network, name string, edit func(*Config)) (*node, error) {
	d := &node{digests: map[string]time.Duration{}}
	c := Config{
		Name: name, Datacenter: "dc1", Meta: Meta{Incarnation: 1, HTTP: name + ":8761", Version: "test"},
		OnEvent: func(e Event) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.events = append(d.events, e)
		},
		Handler: func(from string, msg []byte) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.got = append(d.got, from+": "+string(msg))
		},
		Digest: func() []byte { return []byte("digest of " + name) },
		OnDigest: func(peer string, digest []byte, rtt time.Duration) {
			d.mu.Lock()
			defer d.mu.Unlock()
			if string(digest) == "digest of "+peer {
				d.digests[peer] = rtt
			}
		},
		Logger: slog.New(slog.NewTextHandler(lineWriter{d}, nil)),
	}
	if n != nil {
		d.tr = n.Transport(name)
		c.Transport = d.tr
	} else {
		c.Bind, c.Profile = "127.0.0.1:0", Local
	}
	if edit != nil {
		edit(&c)
	}
	p, err := Start(context.Background(), c)
	d.Pool = p
	return d, err
}

type lineWriter struct{ d *node }

func (w lineWriter) Write(b []byte) (int, error) {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	w.d.lines = append(w.d.lines, strings.TrimSpace(string(b)))
	return len(b), nil
}

// start is boot that has to succeed; the node is closed when the test ends.
func start(t *testing.T, n *gossiptest.Network, name string, edit func(*Config)) *node {
	t.Helper()
	d, err := boot(n, name, edit)
	if err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// cluster starts count nodes without seeds that join the first, and waits until all agree. The first joins itself, which
// is no join.
func cluster(t *testing.T, n *gossiptest.Network, count int, edit func(*Config)) []*node {
	t.Helper()
	var ds []*node
	for i := range count {
		d := start(t, n, fmt.Sprintf("n%02d", i), edit)
		ds = append(ds, d)
		if joined, err := d.Join(context.Background(), []string{ds[0].Addr()}); err != nil || joined != min(i, 1) {
			t.Fatalf("%s joined %d: %v", d.cfg.Name, joined, err)
		}
	}
	within(t, 5*time.Second, "all agree", func() bool { return agree(ds) })
	return ds
}

// within waits, in virtual or in real time, until cond holds, and returns how long that took.
func within(t *testing.T, limit time.Duration, what string, cond func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if time.Since(begin) > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
		<-tick.C
	}
	return time.Since(begin)
}

// agree reports whether each node sees exactly these as alive.
func agree(ds []*node) bool {
	for _, d := range ds {
		if len(d.Members().Alive()) != len(ds) {
			return false
		}
		for _, e := range ds {
			if d.state(e.cfg.Name) != StateAlive {
				return false
			}
		}
	}
	return true
}

func (d *node) state(name string) State {
	m, _ := d.Members().Get(name)
	return m.State
}

func (d *node) incarnation(name string) uint64 {
	m, _ := d.Members().Get(name)
	if m.State != StateAlive {
		return 0
	}
	return m.Incarnation
}

// seen is the node's events about a member.
func (d *node) seen(name string) (kinds []EventKind) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.events {
		if e.Member.Name == name {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

func (d *node) messages() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.got...)
}

func (d *node) log() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.lines, "\n")
}

// crash is a power cut: nothing more goes out or comes in.
func crash(n *gossiptest.Network, d *node) { n.Isolate(d.cfg.Name) }

func portOf(t *testing.T, addr string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return port
}
