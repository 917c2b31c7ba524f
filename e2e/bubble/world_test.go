package bubble

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/gossip/gossiptest"
)

// oneWay is the longest that a packet takes from one data centre to another.
const oneWay = 40 * time.Millisecond

// world is data centres, each a network of its own, and the wide network between their gateways.
type world struct {
	t    *testing.T
	wide *gossiptest.Network
	lans map[string]*gossiptest.Network
	seed map[string]string // of each data centre, and "" of the wide network
	live map[string]*muster.Node
}

// newWorld starts data centres of so many nodes each, dc1 and so on, the first two nodes of which are gateways, and waits
// until all of them hold the same and every pair of them has a link.
func newWorld(t *testing.T, sizes ...int) *world {
	t.Helper()
	w := &world{
		t: t, lans: map[string]*gossiptest.Network{}, seed: map[string]string{}, live: map[string]*muster.Node{},
		wide: gossiptest.New(1, gossiptest.Options{LatencyMin: oneWay / 2, LatencyMax: oneWay}),
	}
	t.Cleanup(func() {
		for _, n := range w.live {
			_ = n.Close()
		}
		time.Sleep(2 * time.Minute) // memberlist's own timers end by themselves.
	})
	for i, size := range sizes {
		dc := fmt.Sprintf("dc%d", i+1)
		w.lans[dc] = gossiptest.New(uint64(i), gossiptest.Options{})
		for j := range size {
			w.start(fmt.Sprintf("%s/n%d", dc, j+1), j < 2)
		}
	}
	w.until(time.Minute, w.linked)
	w.until(10*time.Second, w.ready)
	w.until(10*time.Second, w.unequal)
	return w
}

// start starts the node "dc/name".
func (w *world) start(id string, gateway bool) *muster.Node {
	w.t.Helper()
	dc, name, _ := strings.Cut(id, "/")
	tr, err := w.lans[dc].TransportAt(name, port)
	if err != nil {
		w.t.Fatal(err)
	}
	cfg := muster.Config{
		Node: name, Datacenter: dc, Transport: tr, Export: muster.Export{{Service: "cache", None: true}},
	}
	if w.seed[dc] == "" {
		w.seed[dc] = tr.Addr()
	} else {
		cfg.Join = []string{w.seed[dc]}
	}
	if gateway {
		wide, err := w.wide.TransportAt(id, port)
		if err != nil {
			w.t.Fatal(err)
		}
		cfg.WANTransport = wide
		if w.seed[""] == "" {
			w.seed[""] = wide.Addr()
		} else {
			cfg.WANJoin = []string{w.seed[""]}
		}
	}
	n, err := muster.Start(w.t.Context(), cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.live[id] = n
	return n
}

func (w *world) kill(id string) {
	_ = w.live[id].Close()
	delete(w.live, id)
}

// register registers an instance of payments that lives in the process of a node.
func (w *world) register(id, instance string) *muster.Lease {
	w.t.Helper()
	l, err := w.live[id].Register(w.t.Context(), muster.Instance{Service: "payments", ID: instance, Address: "10.0.0.1", Port: 80})
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// until waits for a condition and returns how long it took.
func (w *world) until(limit time.Duration, problem func() string) time.Duration {
	w.t.Helper()
	began := time.Now()
	for {
		p := problem()
		took := time.Since(began)
		if p == "" {
			return took
		}
		if took > limit {
			for id, n := range w.live {
				w.t.Logf("%s: %+v, reaches %v, gateways %+v", id, n.Info().Replication, n.Distances(), n.Gateways())
			}
			w.t.Fatalf("after %v: %s", limit, p)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (w *world) ready() string {
	for id, n := range w.live {
		if ready, why := n.Ready(); !ready {
			return id + " is not ready: " + why
		}
	}
	return ""
}

// linked says which pair of data centres does not have exactly one link that both ends know.
func (w *world) linked() string {
	links := map[[2]string]int{}
	for id, n := range w.live {
		for _, g := range n.Gateways() {
			if g.Self {
				for _, far := range g.Links {
					links[[2]string{strings.Split(id, "/")[0], strings.Split(far, "/")[0]}]++
				}
			}
		}
	}
	for a := range w.lans {
		for b := range w.lans {
			if a != b && links[[2]string{a, b}] != 1 {
				return fmt.Sprintf("%s has %d links to %s", a, links[[2]string{a, b}], b)
			}
		}
	}
	return ""
}

// unequal says which two nodes do not hold the same.
func (w *world) unequal() string {
	var first *muster.NodeInfo
	for id, n := range w.live {
		info := n.Info()
		switch {
		case info.Replication.Divergences > 0 || info.Replication.Malformed > 0:
			w.t.Fatalf("%s: %+v", id, info.Replication)
		case first == nil:
			first = &info
		case info.Catalog.Hash != first.Catalog.Hash || !maps.Equal(info.Catalog.Vector, first.Catalog.Vector):
			return fmt.Sprintf("%s/%s and %s differ: %d and %d instances", first.Datacenter, first.Name, id, first.Catalog.Instances, info.Catalog.Instances)
		}
	}
	return ""
}

// has says which node does not list exactly these instances of payments, of all data centres.
func (w *world) has(ids ...string) func() string {
	return func() string {
		for id, n := range w.live {
			var got []string
			for _, inst := range n.Lookup("payments").Instances() {
				got = append(got, inst.ID)
			}
			if !slices.Equal(got, ids) {
				return fmt.Sprintf("%s lists %q, want %q", id, got, ids)
			}
		}
		return ""
	}
}

// cut separates the gateways of two data centres.
func (w *world) cut(a, b string) {
	for x := range w.live {
		for y := range w.live {
			if strings.HasPrefix(x, a+"/") && strings.HasPrefix(y, b+"/") {
				w.wide.CutBoth(x, y)
			}
		}
	}
}

// away says which nodes of a data centre do not agree that these others cannot be reached.
func (w *world) away(dc string, others ...string) func() string {
	return func() string {
		for id, n := range w.live {
			if !strings.HasPrefix(id, dc+"/") {
				continue
			}
			var got []string
			for _, s := range n.SelfPreservation().Scopes {
				if other, is := strings.CutPrefix(s.Name, "datacenter:"); is {
					got = append(got, other)
				}
			}
			if !slices.Equal(got, others) {
				return fmt.Sprintf("%s takes %q for unreachable, want %q", id, got, others)
			}
		}
		return ""
	}
}
