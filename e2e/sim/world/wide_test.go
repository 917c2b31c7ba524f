package world

import (
	"strconv"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/catalog/wire"
	"github.com/musterhq/muster/gossip/spread"
)

// linked is a world of data centres in which nothing is wrong, a minute old, a node of it, and an instance elsewhere.
func linked(t *testing.T, sites ...int) (w *World, n *node, far *muster.Instance) {
	t.Helper()
	p := Generate(3, "wan", 0)
	p.Sites, p.Gateways, p.Nodes, p.Private = sites, nil, 0, false
	for _, count := range sites {
		p.Nodes += count
		p.Gateways = append(p.Gateways, 1)
	}
	p.Drift, p.Wrong = make([]float64, p.Nodes), make([]time.Duration, p.Nodes)
	p.Disk, p.Frozen = make([]bool, p.Nodes), make([]bool, p.Nodes)
	p.Net.Loss, p.Faults, p.Ops, p.Targets, p.Dead = 0, nil, nil, nil, nil
	for i := range p.Clients {
		p.Clients[i] = ClientPlan{
			Service: "s", ID: "i" + strconv.Itoa(i), TTL: 9 * time.Second, Interval: 2 * time.Second, Place: i % p.Nodes, Start: 3 * time.Second,
		}
	}
	w = New(p, nil)
	w.phase = liveness // No end to it: the time is ours.
	for _, n := range w.nodes {
		w.start(n, nil)
	}
	for _, c := range w.clients {
		w.at(c.plan.Start, func() { c.start() })
	}
	w.at(0, w.wide.steer)
	w.run(time.Minute)
	if w.failure != nil {
		t.Fatal(w.failure)
	}
	n = w.nodes[0]
	for _, inst := range n.rep.Catalog().Lookup("default", "s").Instances() {
		if inst.Datacenter != spread.DatacenterOf(n.id) {
			far = inst
		}
	}
	if far == nil {
		t.Fatal("nothing is elsewhere")
	}
	return w, n, far
}

// Those checkers that no planted bug makes fail are shown here what they are to find.
func TestCheckersBetweenDatacentersFail(t *testing.T) {
	for checker, spoil := range map[string]func(w *World, n *node, far *muster.Instance){
		"anytime_only_its_own_ends_it": func(w *World, n *node, far *muster.Instance) {
			tomb := &catalog.Record{Key: far.Key(), Deletion: catalog.Evicted}
			tomb.Stamp.Dot = causal.Dot{Origin: n.rep.Catalog().Self(), Seq: 1}
			w.checkEnder(n, far, tomb)
		},
		"anytime_what_no_path_reaches_is_kept": func(w *World, n *node, _ *muster.Instance) {
			for site := range w.wide.sites {
				w.wide.apart[n.site][site] = 0
			}
			n.started, w.net.bad[w.net.link(n.place, n.place)] = 0, 0
			w.checkAcross()
		},
		"anytime_what_a_path_reaches_is_not_away": func(w *World, n *node, _ *muster.Instance) {
			for _, l := range w.wide.links {
				n.rep.LinkDown(n.moment(), l.ends[1].id, "a test")
			}
			later := n.moment()
			n.rep.Linked(later, spread.DatacenterOf(n.id), nil)
			later.Mono += 2 * time.Second
			n.rep.Tick(later)
			w.checkAcross()
		},
		"anytime_writes_cross_in_time": func(w *World, _ *node, far *muster.Instance) {
			c := w.byKey[far.Key()]
			c.version++
			w.checkSeen(c, c.version, w.now)
		},
		"anytime_what_becomes_private_is_taken_back": func(w *World, _ *node, far *muster.Instance) {
			c := w.byKey[far.Key()]
			w.checkUnseen(c, c.version, w.now)
		},
		"anytime_private_stays_home": func(w *World, n *node, far *muster.Instance) {
			w.plan.Private = true
			o := causal.Origin{Node: far.Home, Incarnation: 1}.Private()
			n.rep.Catalog().Vector().Add(causal.Dot{Origin: o, Seq: 1})
			w.checkPrivate(n)
		},
		"anytime_private_crosses_no_link": func(w *World, n *node, _ *muster.Instance) {
			w.plan.Private = true
			v := &causal.Vector{}
			v.Add(causal.Dot{Origin: causal.Origin{Node: n.id, Incarnation: 1}.Private(), Seq: 1})
			w.checkCrossing(n, spread.SyncRequest{Vector: wire.AppendVector(nil, v)})
		},
	} {
		t.Run(checker, func(t *testing.T) {
			w, n, far := linked(t, 1, 2)
			spoil(w, n, far)
			if w.failure == nil || w.failure.Checker != checker {
				t.Fatalf("found %v", w.failure)
			}
		})
	}
}
