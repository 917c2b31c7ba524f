package world

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/musterhq/muster/catalog/wire"
)

// begin starts a fault and plans its end, before liveness begins.
func (w *World) begin(f *Fault) {
	w.stats.Faults[f.Kind]++
	w.note("--", "%s", f)
	r := rand.New(rand.NewPCG(f.Salt, 1)) //nolint:gosec // Seeded on purpose.
	n := w.nodes[f.Node]
	end := func(longest time.Duration, do func()) {
		w.at(min(w.now+min(f.For, longest), w.plan.Safety-time.Millisecond), do)
	}
	const always = 1 << 62
	switch f.Kind { //nolint:exhaustive // The rest is how many kinds there are.
	case Cut:
		links := w.between(f.Side, true)
		w.net.closeAll(links)
		end(always, func() { w.net.reopenAll(links) })
	case OneWay:
		links := w.between(f.Side, false)
		w.net.closeAll(links)
		end(always, func() { w.net.reopenAll(links) })
	case Isolate:
		links := w.between(1<<f.Node, true)
		w.net.closeAll(links)
		end(always, func() { w.net.reopenAll(links) })
	case Clog:
		links := w.between(1<<f.Node, r.IntN(2) == 0)
		for _, l := range links {
			w.net.jam(l[0], l[1])
		}
		end(8*time.Second, func() {
			for _, l := range links {
				w.net.unjam(l[0], l[1])
			}
		})
	case Swizzle:
		w.swizzle(f, r)
	case Storm:
		w.weather(f, Weather{Loss: f.Share, Delayed: f.Share, Again: f.Step}, true)
	case Hours:
		w.weather(f, Weather{Delayed: f.Share, Replay: f.Share, Again: f.Step}, false)
	case CrashDisk, CrashLost, CrashStale:
		w.crash(n)
		switch f.Kind {
		case CrashLost:
			n.disk, n.old = nil, nil
		case CrashStale:
			n.disk = n.old
		default:
		}
		w.back(f, n)
	case Leave:
		w.leave(n)
		w.back(f, n)
	case Pause:
		w.pause(n)
		end(25*time.Second, func() { w.resume(n) })
	case Slow:
		d := between(r, 20*time.Millisecond, 300*time.Millisecond)
		n.slow += d
		end(always, func() {
			n.slow -= d
			w.impaired(n)
		})
	case ClockStep:
		n.clock.wrong += f.Step
	case DiskFull:
		n.diskFull = true
		end(always, func() { n.diskFull = false })
	case Twin:
		w.twin(f, r)
	case Suspect:
		w.suspect(f, n, r)
	case CutPair, CutDatacenter:
		links := w.apart(f)
		w.net.closeAll(links)
		end(always, func() { w.net.reopenAll(links) })
	case CrashGateway:
		if g := w.wide.holder(n.site, r); g != nil {
			w.crash(g)
			w.back(f, g)
		}
	case Overflow:
		w.wide.full[n.site]++
		end(always, func() {
			w.wide.full[n.site]--
			w.wide.overflowed = w.now
		})
	}
}

// back restarts a node, with the disk that it then has.
func (w *World) back(f *Fault, n *node) {
	w.at(min(w.now+f.For, w.plan.Safety-time.Millisecond), func() {
		if !n.up {
			w.start(n, n.snapshot())
			w.reembed(n)
		}
	})
}

func (n *node) snapshot() *wire.Snapshot {
	if n.hasDisk {
		return n.disk
	}
	return nil
}

// reembed is the program around a node that registers again what lives in it.
func (w *World) reembed(n *node) {
	for _, c := range w.clients {
		if c.plan.Embedded && c.wants && w.nodes[c.plan.Place] == n {
			w.soon(n, 50*time.Millisecond, c.embed)
		}
	}
}

// between lists the links from one side to the other, and back if both is set.
func (w *World) between(side uint64, both bool) [][2]int {
	var links [][2]int
	for a := range w.plan.Nodes {
		for b := range w.plan.Nodes {
			in, out := side>>min(a, 63)&1 == 1, side>>min(b, 63)&1 == 1
			if in != out && (in || both) {
				links = append(links, [2]int{a, b})
			}
		}
	}
	return links
}

func (t *network) closeAll(links [][2]int) {
	for _, l := range links {
		t.close(l[0], l[1])
	}
}

func (t *network) reopenAll(links [][2]int) {
	for _, l := range links {
		t.reopen(l[0], l[1])
	}
}

// swizzle cuts off the nodes of one side, one after the other, and heals them in another order.
func (w *World) swizzle(f *Fault, r *rand.Rand) {
	var nodes []int
	for i := range w.plan.Nodes {
		if f.Side>>min(i, 63)&1 == 1 {
			nodes = append(nodes, i)
		}
	}
	half := f.For / 2
	last := w.plan.Safety - time.Millisecond
	for _, i := range nodes {
		links := w.between(1<<i, true)
		begin := min(w.now+between(r, 0, half), last)
		w.at(begin, func() { w.net.closeAll(links) })
		w.at(min(begin+between(r, time.Millisecond, half+time.Second), last), func() { w.net.reopenAll(links) })
	}
}

// weather makes the network worse for a while.
func (w *World) weather(f *Fault, worse Weather, storm bool) {
	s := &w.net.weather
	before := *s
	s.Loss = min(s.Loss+worse.Loss, 0.95)
	s.Delayed, s.Replay = max(s.Delayed, worse.Delayed), max(s.Replay, worse.Replay)
	s.Again = max(s.Again, worse.Again)
	if storm {
		w.net.storms++
	}
	change := Weather{Loss: s.Loss - before.Loss}
	w.at(min(w.now+f.For, w.plan.Safety-time.Millisecond), func() {
		s.Loss = max(s.Loss-change.Loss, 0)
		if storm {
			w.net.storms--
			w.net.badSky = w.now
		}
		if w.now >= w.plan.Safety-time.Millisecond || w.net.storms == 0 {
			s.Delayed, s.Replay, s.Again = 0, 0, 0
		}
	})
}

// twin cuts the nodes in two and, when the side that does not hear a node has given it up, starts another one of the same
// name there. A second node whose name is taken, as far as one can see, is refused. When the sides meet, the later one ends.
func (w *World) twin(f *Fault, r *rand.Rand) {
	links := w.between(f.Side, true)
	w.net.closeAll(links)
	end := min(w.now+f.For, w.plan.Safety-time.Millisecond)
	place := r.IntN(w.plan.Nodes)
	original := w.nodes[f.Node]
	w.at(min(w.now+12*time.Second, end-time.Millisecond), func() {
		for _, q := range w.nodes {
			if q.runs() && q.id == original.id && w.net.trip(w.nodes[place], q) ||
				q.runs() && w.resolve(q, original.id) != nil && w.net.clear(place, q.place) {
				w.stats.Refused++
				w.note(original.name, "a second node of this name is refused")
				return
			}
		}
		if !w.nodes[place].runs() {
			return
		}
		t := w.addNode(place, f.Node)
		t.hasDisk = false
		w.stats.Twins++
		w.start(t, nil)
		w.at(end-time.Millisecond, func() { w.crash(t) })
	})
	w.at(end, func() { w.net.reopenAll(links) })
}

// suspect makes some members believe for a while that a node is dead.
func (w *World) suspect(f *Fault, n *node, r *rand.Rand) {
	life := n.life
	w.doubted = w.now + 10*time.Second
	for _, o := range w.nodes {
		if o == n || !o.runs() || r.Float64() > f.Share {
			continue
		}
		w.down(o, n, life, false)
		w.soon(o, between(r, 0, min(f.For, 8*time.Second)), func() { w.refute(o, n, life) })
	}
}

// heal ends safety: whatever is still wrong is repaired, and what belongs to the core runs.
func (w *World) heal() {
	w.phase, w.healed = liveness, w.now
	w.net.badSky = w.now
	w.note("--", "everything is repaired")
	for i, n := range w.nodes {
		switch {
		case i >= w.plan.Nodes:
			w.crash(n)
		case w.isDead(i):
			w.crash(n)
		case n.paused:
			w.resume(n)
		case !n.up:
			w.start(n, n.snapshot())
			w.reembed(n)
		}
		n.slow, n.diskFull = 0, false
	}
	w.net.weather.Delayed, w.net.weather.Replay = 0, 0
}

func (w *World) isDead(i int) bool { return slices.Contains(w.plan.Dead, i) }

// core is the nodes that have to recover.
func (w *World) core() []*node {
	var out []*node
	for i, n := range w.nodes[:w.plan.Nodes] {
		if !w.isDead(i) {
			out = append(out, n)
		}
	}
	return out
}
