package wan

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/musterhq/muster/gossip/gossiptest"
)

// Nothing that a test started may outlive it. memberlist does not wait for a probe that is under way, which ends by itself
// within a few seconds: that long is waited for it.
func TestMain(m *testing.M) {
	code := m.Run()
	poll := time.NewTicker(100 * time.Millisecond)
	err := goleak.Find()
	for end := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(end); err = goleak.Find() {
		<-poll.C
	}
	if err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// wide is the network between data centres: 20 to 40 ms one way.
var wide = gossiptest.Options{LatencyMin: 20 * time.Millisecond, LatencyMax: 40 * time.Millisecond}

// bubble runs a test in virtual time on its own network. memberlist does not wait for its timers when it shuts down, and
// time stands still once the test has returned, so the last thing to be done is to let them run out.
func bubble(t *testing.T, opts gossiptest.Options, f func(*testing.T, *gossiptest.Network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(2 * time.Minute) })
		f(t, gossiptest.New(1, opts))
	})
}

// node is a pool whose callbacks are written down. Its host has its identity for a name.
type node struct {
	*Pool
	tr *gossiptest.Transport

	mu      sync.Mutex
	events  []Event
	links   []LinkEvent
	got     map[string][]string // by sender
	drained []string
	lines   []string
}

// boot starts a gateway "dc/name", with what edit says.
func boot(n *gossiptest.Network, id string, edit func(*Config)) (*node, error) {
	dc, name, _ := strings.Cut(id, "/")
	d := &node{got: map[string][]string{}}
	c := Config{
		Name: name, Datacenter: dc, Meta: Meta{Incarnation: 1, HTTP: name + ":8761", Version: "test", LAN: "10.1.1.1:7946"},
		OnEvent: func(e Event) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.events = append(d.events, e)
		},
		OnLink: func(e LinkEvent) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.links = append(d.links, e)
		},
		OnDrained: func(to string) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.drained = append(d.drained, to)
		},
		Handler: func(from string, msg []byte) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.got[from] = append(d.got[from], string(msg))
		},
		Logger: slog.New(slog.NewTextHandler(lineWriter{d}, nil)),
	}
	if n != nil {
		d.tr = n.Transport(id)
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

// start is boot that has to succeed; the gateway is closed when the test ends.
func start(t *testing.T, n *gossiptest.Network, id string, edit func(*Config)) *node {
	t.Helper()
	d, err := boot(n, id, edit)
	if err != nil {
		t.Fatalf("start %s: %v", id, err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// world starts sizes[i] gateways in data centre i, "a" and so on, all of which have the first for a seed, and waits until
// each pair of data centres has its one link.
func world(t *testing.T, n *gossiptest.Network, sizes []int, edit func(*Config)) []*node {
	t.Helper()
	var ds []*node
	for i, size := range sizes {
		for j := range size {
			d := start(t, n, fmt.Sprintf("%c/g%d", 'a'+i, j), func(c *Config) {
				if len(ds) > 0 {
					c.Seeds = []string{ds[0].Addr()}
				}
				if edit != nil {
					edit(c)
				}
			})
			ds = append(ds, d)
		}
	}
	began := time.Now()
	within(t, 30*time.Second, "all agree", func() bool { return agree(ds) })
	agreed := time.Since(began)
	t.Cleanup(func() {
		if t.Failed() {
			dump(t, ds)
		}
	})
	within(t, 30*time.Second, "each pair has one link, the chosen one", func() bool { return linked(ds) && chosen(ds) })
	t.Logf("%d gateways agreed after %v, and had their links after %v", len(ds), agreed, time.Since(began))
	return ds
}

// dump says what each gateway knows and did.
func dump(t *testing.T, ds []*node) {
	t.Helper()
	for _, d := range ds {
		t.Logf("%s holds %v and says:\n%s", d.ID(), d.peers(), d.log())
		for _, m := range d.Members().All() {
			t.Logf("    %s %v %v", m.ID(), m.State, m.Links)
		}
	}
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

// agree reports whether each gateway sees exactly these as alive.
func agree(ds []*node) bool {
	for _, d := range ds {
		if len(d.Members().Alive()) != len(ds) {
			return false
		}
		for _, e := range ds {
			if d.state(e.ID()) != StateAlive {
				return false
			}
		}
	}
	return true
}

func (d *node) state(id string) State {
	m, _ := d.Members().Get(id)
	return m.State
}

func (d *node) peers() (ids []string) {
	for _, l := range d.Links() {
		ids = append(ids, l.Peer)
	}
	return ids
}

// between is the links between the data centres of x and y, "dialler acceptor", that both ends have.
func between(ds []*node, x, y string) (all []string) {
	lo, hi := min(x, y), max(x, y)
	for _, a := range ds {
		for _, b := range ds {
			if a.cfg.Datacenter == lo && b.cfg.Datacenter == hi && slices.Contains(a.peers(), b.ID()) && slices.Contains(b.peers(), a.ID()) {
				all = append(all, a.ID()+" "+b.ID())
			}
		}
	}
	return all
}

func datacenters(ds []*node) (dcs []string) {
	for _, d := range ds {
		if !slices.Contains(dcs, d.cfg.Datacenter) {
			dcs = append(dcs, d.cfg.Datacenter)
		}
	}
	return dcs
}

// linked reports whether each pair of data centres has exactly one link, and nobody holds any other.
func linked(ds []*node) bool {
	dcs, ends := datacenters(ds), 0
	for i, x := range dcs {
		for _, y := range dcs[:i] {
			if len(between(ds, x, y)) != 1 {
				return false
			}
			ends += 2
		}
	}
	for _, d := range ds {
		ends -= len(d.Links())
	}
	return ends == 0
}

// chosen reports whether the links that there are are those that the hash wants, and everyone's tags say so.
func chosen(ds []*node) bool {
	for _, d := range ds {
		v := d.Members()
		for _, x := range datacenters(ds) {
			for _, y := range datacenters(ds) {
				if x >= y {
					continue
				}
				lo, hi := first(v, pair{x, y}, x), first(v, pair{x, y}, y)
				a, _ := v.Get(lo)
				b, _ := v.Get(hi)
				if !slices.Contains(a.Links, hi) || !slices.Contains(b.Links, lo) {
					return false
				}
			}
		}
	}
	return true
}

// first is who is to hold the link of a pair in one of the two data centres.
func first(v *View, p pair, dc string) string {
	var gs []gateway
	for _, m := range v.Alive() {
		if m.Datacenter == dc {
			gs = append(gs, gateway{id: m.ID()})
		}
	}
	if len(gs) == 0 {
		return ""
	}
	return p.rank(gs)[0].id
}

func (d *node) received(from string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.got[from])
}

func (d *node) linkEvents(peer string) (out []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.about(peer) {
		out = append(out, e.Kind.String())
	}
	return out
}

// about is the link events about one peer; d.mu is held.
func (d *node) about(peer string) (out []LinkEvent) {
	for _, e := range d.links {
		if e.Peer == peer {
			out = append(out, e)
		}
	}
	return out
}

func (d *node) log() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.lines, "\n")
}

func byID(ds []*node, id string) *node {
	for _, d := range ds {
		if d.ID() == id {
			return d
		}
	}
	return nil
}

// group is the hosts of a data centre.
func group(ds []*node, dc string) (hosts []string) {
	for _, d := range ds {
		if d.cfg.Datacenter == dc {
			hosts = append(hosts, d.ID())
		}
	}
	return hosts
}
