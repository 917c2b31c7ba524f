package world

import (
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/gossip/spread"
)

// calm is a world in which nothing is wrong, half a minute old.
func calm(t *testing.T) (w *World, n *node, own, foreign *muster.Instance) {
	t.Helper()
	p := Generate(3, "calm", 5)
	p.Zones = 1
	for i := range p.Clients {
		p.Clients[i] = ClientPlan{
			Service: "s", ID: p.Clients[i].ID, TTL: 9 * time.Second, Interval: 2 * time.Second, Place: i % 2, Start: 3 * time.Second,
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
	w.run(60 * time.Second)
	if w.failure != nil {
		t.Fatal(w.failure)
	}
	n = w.nodes[0]
	for _, inst := range n.rep.Catalog().Lookup("default", "s").Instances() {
		if inst.Home == n.id {
			own = inst
		} else {
			foreign = inst
		}
	}
	if own == nil || foreign == nil {
		t.Fatal("every lease has the same home")
	}
	return w, n, own, foreign
}

// Those checkers that no planted bug makes fail are shown here what they are to find.
func TestCheckersFail(t *testing.T) {
	down := func(w *World, n *node) {
		for _, q := range w.nodes[1:] {
			n.peer(q).up = false
		}
	}
	for checker, spoil := range map[string]func(w *World, n *node, own, foreign *muster.Instance){
		"anytime_no_divergence":     func(w *World, n *node, _, _ *muster.Instance) { w.checkEngine(n, spread.Stats{Divergences: 1}) },
		"anytime_nothing_malformed": func(w *World, n *node, _, _ *muster.Instance) { w.checkEngine(n, spread.Stats{Malformed: 1}) },
		"anytime_engine_is_bounded": func(w *World, n *node, _, _ *muster.Instance) { w.checkEngine(n, spread.Stats{Lacking: 2000}) },
		"eventually_core_converges": func(w *World, n *node, _, _ *muster.Instance) {
			down(w, n)
			w.healed = -time.Hour
			w.stats.Converged = 0
			w.checkEventually()
		},
		"finally_homes_are_alive": func(w *World, n *node, _, foreign *muster.Instance) {
			down(w, n)
			w.checkClient(w.byKey[foreign.Key()])
		},
		"anytime_no_zombie": func(w *World, n *node, own, _ *muster.Instance) { zombie(w, n, own) },
		"finally_promised_is_present": func(w *World, n *node, own, _ *muster.Instance) {
			_ = n.rep.Deregister(n.moment(), own.Key())
			w.checkClient(w.byKey[own.Key()])
		},
		"finally_no_fights": func(w *World, n *node, own, foreign *muster.Instance) {
			w.healed = -time.Hour
			moved := own.Clone()
			moved.Home = foreign.Home
			w.checkFight(n, &catalog.Change{Key: own.Key(), Old: own, New: moved})
		},
		"anytime_nothing_promised_vanishes": func(w *World, n *node, own, _ *muster.Instance) {
			w.checkVanished(n, &catalog.Change{Key: own.Key(), Old: own, Cause: catalog.CauseEvicted})
		},
		"anytime_no_wrong_eviction": func(w *World, n *node, own, _ *muster.Instance) {
			w.checkWrongEviction(n, w.byKey[own.Key()], own)
		},
		"anytime_preserves_before_it_evicts": func(w *World, n *node, own, _ *muster.Instance) {
			for k := range n.heard {
				n.heard[k] = hearing{}
			}
			w.checkOwnScope(n, own)
		},
		"anytime_preserves_the_leases_of_dead_homes": func(w *World, n *node, _, foreign *muster.Instance) {
			down(w, n)
			w.checkDeadHomes(n, foreign)
		},
		"finally_refused_is_gone": func(w *World, n *node, own, _ *muster.Instance) {
			c := w.byKey[own.Key()]
			c.running, c.wants, c.stopped = false, false, -time.Hour
			n.rep.Catalog().SetLease(n.moment(), own.Key(), catalog.Lease{Home: own.Home, Status: own.Status, Preserved: true})
			w.checkClient(c)
		},
		"anytime_preserves_what_lives_in_dead_nodes": func(w *World, n *node, _, foreign *muster.Instance) {
			down(w, n)
			gone := foreign.Clone()
			gone.Home = "dc1/gone"
			w.checkDeadNodes(n, gone)
		},
	} {
		t.Run(checker, func(t *testing.T) {
			w, n, own, foreign := calm(t)
			spoil(w, n, own, foreign)
			if w.failure == nil || w.failure.Checker != checker {
				t.Fatalf("found %v", w.failure)
			}
		})
	}
}

// zombie claims that someone deleted what is there, knowing it, and that the node knows of it.
func zombie(w *World, n *node, own *muster.Instance) {
	d := registration(n.rep.Catalog(), own.Key()).Stamp.Dot
	w.ledger.dead[d] = append(w.ledger.dead[d], d)
	w.checkZombie(n, own.Key(), d)
}

// Many crash at once in some of these schedules, hang in others, and are cut off in others again: all outcomes of a
// connection occur, and what refuses goes.
func TestWavesOfSilenceAreToldApart(t *testing.T) {
	asked, dead := 0, 0
	for seed := range uint64(8) {
		r := Run(Generate(seed, "waves", 0))
		if r.Failure != nil {
			t.Fatalf("seed %d: %v", seed, r.Failure)
		}
		if again := Run(Generate(seed, "waves", 0)); again.Trace != r.Trace {
			t.Fatalf("seed %d is another run the second time", seed)
		}
		asked, dead = asked+r.Stats.Asked, dead+r.Stats.Dead
	}
	if dead < 20 || asked < 2*dead {
		t.Fatalf("%d asked, %d refused", asked, dead)
	}
}

func TestShrinkKeepsWhatIsNeededToFail(t *testing.T) {
	var p *Plan
	for seed := uint64(1); ; seed++ {
		p = Generate(seed, "crashes", 3)
		if len(p.Faults) > 3 {
			break
		}
	}
	// A plan that cannot pass: a client whose lease runs out between two renewals.
	p.Clients[0].TTL, p.Clients[0].Interval, p.Clients[0].Stop, p.Clients[0].Embedded = 2*time.Second, 5*time.Second, 0, false
	r := Run(p)
	if r.Failure == nil {
		t.Fatal("this plan passes")
	}
	small, again := Shrink(p, 60)
	if again.Failure == nil || again.Failure.Checker != r.Failure.Checker || len(small.Faults) >= len(p.Faults) || small.active() >= p.active() {
		t.Fatalf("%v became %v", p, small)
	}
}
