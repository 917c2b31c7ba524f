package wan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var testPatience = profiles[WAN].choice

// gw is a gateway "dc/name" that says it holds links to the others.
func gw(id string, links ...string) gateway {
	dc, _, _ := strings.Cut(id, "/")
	g := gateway{id: id, dc: dc, life: id, marks: map[string]bool{}}
	for _, l := range links {
		g.marks[mark(l)] = true
	}
	return g
}

func hold(peer string, since time.Time) held {
	dc, _, _ := strings.Cut(peer, "/")
	return held{peer: peer, dc: dc, life: peer, since: since}
}

// ranked is the identities of a data centre's gateways "dc/0" and so on in the order of a pair.
func ranked(p pair, dc string, count int) (ids []string) {
	var gs []gateway
	for i := range count {
		gs = append(gs, gw(fmt.Sprintf("%s/%d", dc, i)))
	}
	for _, g := range p.rank(gs) {
		ids = append(ids, g.id)
	}
	return ids
}

func TestChooserDecides(t *testing.T) {
	p := pair{"a", "b"}
	a, b := ranked(p, "a", 3), ranked(p, "b", 3)
	t0 := time.Unix(1000, 0)
	after := func(s float64) time.Time { return t0.Add(time.Duration(s * float64(time.Second))) }
	type moment struct {
		at     float64 // seconds
		alive  []gateway
		links  []held
		fail   string // before: a dial or link to it failed
		dial   string // want
		drop   string // want
		wakeAt float64
	}
	all := func(links ...[2]string) (gs []gateway) {
		for _, id := range slices.Concat(a, b) {
			var to []string
			for _, l := range links {
				if l[0] == id {
					to = append(to, l[1])
				} else if l[1] == id {
					to = append(to, l[0])
				}
			}
			gs = append(gs, gw(id, to...))
		}
		return gs
	}
	without := func(gs []gateway, id string) []gateway {
		return slices.DeleteFunc(slices.Clone(gs), func(g gateway) bool { return g.id == id })
	}
	for _, c := range []struct {
		name string
		self string
		ms   []moment
	}{
		{"the first of the smaller data centre dials the first of the other", a[0], []moment{
			{at: 0, alive: all(), dial: b[0]},
		}},
		{"the larger data centre never dials", b[0], []moment{{at: 0, alive: all()}, {at: 60, alive: all()}}},
		{"the second waits for two seconds, the third for four", a[2], []moment{
			{at: 0, alive: all(), wakeAt: 4},
			{at: 3.9, alive: all(), wakeAt: 4},
			{at: 4, alive: all(), dial: b[0]},
		}},
		{"a link that both ends know keeps the others quiet", a[1], []moment{
			{at: 0, alive: all([2]string{a[0], b[0]})},
			{at: 60, alive: all([2]string{a[0], b[0]})},
		}},
		{"a link that one end alone knows is none: that end may be dead", a[1], []moment{
			{at: 0, alive: all([2]string{a[0], b[0]})},
			{at: 10, alive: append(without(all([2]string{a[0], b[0]}), b[0]), gw(b[0])), wakeAt: 12},
			{at: 12, alive: append(without(all([2]string{a[0], b[0]}), b[0]), gw(b[0])), dial: b[0]},
		}},
		{"after a failure the next acceptor is tried at once, and each again after a pause", a[0], []moment{
			{at: 0, alive: all(), dial: b[0]},
			{at: 5, alive: all(), fail: b[0], dial: b[1]},
			{at: 5, alive: all(), fail: b[1], dial: b[2]},
			{at: 5, alive: all(), fail: b[2], wakeAt: 6},
			{at: 6, alive: all(), dial: b[0]},
			{at: 6, alive: all(), fail: b[0], dial: b[1]},
			{at: 6, alive: all(), fail: b[1], dial: b[2]},
			{at: 6, alive: all(), fail: b[2], wakeAt: 8},
		}},
		{"the first takes over from the second although there is a link", a[0], []moment{
			{at: 0, alive: all([2]string{a[1], b[0]}), dial: b[0]},
		}},
		{"the first moves on to a better acceptor, and then closes what it had", a[0], []moment{
			{at: 0, alive: all(), links: []held{hold(b[1], t0)}, dial: b[0]},
			{at: 1, alive: all(), links: []held{hold(b[0], after(1)), hold(b[1], t0)}, wakeAt: 11},
			{at: 11, alive: all(), links: []held{hold(b[0], after(1)), hold(b[1], t0)}, drop: b[1]},
			{at: 12, alive: all(), links: []held{hold(b[0], after(1))}},
		}},
		{"the second closes its link when the first has had one for ten seconds", a[1], []moment{
			{at: 0, alive: all([2]string{a[1], b[0]}), links: []held{hold(b[0], t0)}},
			{at: 5, alive: all([2]string{a[1], b[0]}, [2]string{a[0], b[0]}), links: []held{hold(b[0], t0)}, wakeAt: 15},
			{at: 15, alive: all([2]string{a[1], b[0]}, [2]string{a[0], b[0]}), links: []held{hold(b[0], t0)}, drop: b[0]},
		}},
		{"the acceptor closes the same one", b[0], []moment{
			{at: 5, alive: all(), links: []held{hold(a[1], t0), hold(a[0], after(5))}, wakeAt: 15},
			{at: 15, alive: all(), links: []held{hold(a[1], t0), hold(a[0], after(5))}, drop: a[1]},
		}},
		{"a crossed pair of links leaves the better dialer's, seen from its acceptor", b[1], []moment{
			{at: 60, alive: all([2]string{a[0], b[1]}, [2]string{a[1], b[0]}), links: []held{hold(a[0], t0)}},
			{at: 90, alive: all([2]string{a[0], b[1]}, [2]string{a[1], b[0]}), links: []held{hold(a[0], t0)}},
		}},
		{"and the worse is closed, seen from the other acceptor", b[0], []moment{
			{at: 60, alive: all([2]string{a[0], b[1]}, [2]string{a[1], b[0]}), links: []held{hold(a[1], t0)}, wakeAt: 70},
			{at: 70, alive: all([2]string{a[0], b[1]}, [2]string{a[1], b[0]}), links: []held{hold(a[1], t0)}, drop: a[1]},
		}},
		{"who is leaving dials nobody, and closes its link once another holds one", a[0], []moment{
			{at: 0, alive: without(all([2]string{a[0], b[0]}), a[0]), links: []held{hold(b[0], t0)}},
			{at: 1, alive: without(all([2]string{a[0], b[0]}, [2]string{a[1], b[0]}), a[0]), links: []held{hold(b[0], t0)}, wakeAt: 11},
			{at: 11, alive: without(all([2]string{a[0], b[0]}, [2]string{a[1], b[0]}), a[0]), links: []held{hold(b[0], t0)}, drop: b[0]},
		}},
		{"a data centre alone has nothing to do", a[0], []moment{{at: 0, alive: all()[:3]}}},
	} {
		ch := newChooser(c.self, c.self[:1], testPatience)
		for _, m := range c.ms {
			now := after(m.at)
			if m.fail != "" {
				ch.failed(m.fail, now)
			}
			got := ch.decide(now, m.alive, m.links, nil)
			var dial, dropped string
			for _, g := range got.dial {
				dial += g.id
			}
			for _, d := range got.drop {
				dropped += d.peer
			}
			wake := 0.0
			if !got.next.IsZero() {
				wake = got.next.Sub(t0).Seconds()
			}
			if dial != m.dial || dropped != m.drop || wake != m.wakeAt {
				t.Errorf("%s: at %v: dials %q, drops %q, wakes at %v; want %q, %q, %v",
					c.name, m.at, dial, dropped, wake, m.dial, m.drop, m.wakeAt)
			}
		}
	}
}

func TestOrderOfAPairIsSharedAndMovesOnlyTheLinksOfTheDead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := pair{"a", "b"}
		var gs []gateway
		for i := range rapid.IntRange(1, 9).Draw(t, "gateways") {
			gs = append(gs, gw(fmt.Sprintf("a/%d", i)))
		}
		want := p.rank(gs)
		shuffled := rapid.Permutation(gs).Draw(t, "order")
		if got := p.rank(shuffled); !slices.EqualFunc(got, want, func(x, y gateway) bool { return x.id == y.id }) {
			t.Fatal("it depends on the order in which they are known")
		}
		dead := rapid.SampledFrom(gs).Draw(t, "dead").id
		is := func(g gateway) bool { return g.id == dead }
		got := p.rank(slices.DeleteFunc(slices.Clone(gs), is))
		if !slices.EqualFunc(got, slices.DeleteFunc(want, is), func(x, y gateway) bool { return x.id == y.id }) {
			t.Fatal("a death changes the order of the others")
		}
	})
}

func TestPairsSpreadOverTheGateways(t *testing.T) {
	count := map[string]int{}
	for i := range 300 {
		count[ranked(pairOf("a", fmt.Sprintf("dc%d", i)), "a", 3)[0]]++
	}
	for id, n := range count {
		if n < 60 || n > 140 {
			t.Errorf("%s comes first in %d of 300 pairs", id, n)
		}
	}
}

// globe is gateways that share what they know at once, with links that come up at once. What is dead or cut is noticed
// late: by the other end of a link after noticeLink, by all others after noticeDeath.
type globe struct {
	now     time.Time
	ids     []string
	dead    map[string]time.Time
	cut     map[ends]bool
	links   map[ends]time.Time // by dialer and acceptor
	silent  map[ends]time.Time // links that no longer carry anything
	tags    map[string][]string
	choices map[string]*chooser
	trace   strings.Builder
}

const (
	noticeLink  = 6 * time.Second
	noticeDeath = 30 * time.Second
	tick        = time.Second
)

func newGlobe(sizes []int) *globe {
	w := &globe{
		now: time.Unix(1000, 0), dead: map[string]time.Time{}, cut: map[ends]bool{}, links: map[ends]time.Time{},
		silent: map[ends]time.Time{}, tags: map[string][]string{}, choices: map[string]*chooser{},
	}
	for i, size := range sizes {
		for j := range size {
			dc := string(rune('a' + i))
			id := fmt.Sprintf("%s/%d", dc, j)
			w.ids = append(w.ids, id)
			w.choices[id] = newChooser(id, dc, testPatience)
		}
	}
	return w
}

func (w *globe) isDead(id string) bool { _, ok := w.dead[id]; return ok }

func (w *globe) works(e ends) bool { return !w.cut[e] && !w.isDead(e.dialer) && !w.isDead(e.acceptor) }

// step lets a second pass.
func (w *globe) step() {
	w.now = w.now.Add(tick)
	for _, e := range slices.SortedFunc(maps.Keys(w.links), byEnds) {
		since, silent := w.silent[e]
		switch {
		case w.works(e):
			delete(w.silent, e)
		case !silent:
			w.silent[e] = w.now
		case w.now.Sub(since) >= noticeLink:
			w.end(e)
			w.choices[e.dialer].failed(e.acceptor, w.now)
		}
	}
	var alive []gateway
	for _, id := range w.ids {
		if at, dead := w.dead[id]; !dead {
			w.tags[id] = w.peers(id)
		} else if w.now.Sub(at) >= noticeDeath {
			continue
		}
		alive = append(alive, gw(id, w.tags[id]...))
	}
	for _, id := range w.ids {
		if w.isDead(id) {
			continue
		}
		var hs []held
		for _, e := range slices.SortedFunc(maps.Keys(w.links), byEnds) {
			if e.dialer == id {
				hs = append(hs, hold(e.acceptor, w.links[e]))
			} else if e.acceptor == id {
				hs = append(hs, hold(e.dialer, w.links[e]))
			}
		}
		p := w.choices[id].decide(w.now, alive, hs, nil)
		for _, g := range p.dial {
			e := ends{id, g.id}
			fmt.Fprintln(&w.trace, w.now.Unix(), "dial", e, w.works(e))
			if w.works(e) {
				w.links[e] = w.now
			} else {
				w.choices[id].failed(g.id, w.now)
			}
		}
		for _, d := range p.drop {
			fmt.Fprintln(&w.trace, w.now.Unix(), "drop", id, d)
			w.end(ends{id, d.peer})
			w.end(ends{d.peer, id})
		}
	}
}

func (w *globe) end(e ends) {
	delete(w.links, e)
	delete(w.silent, e)
}

func (w *globe) peers(id string) (peers []string) {
	for e := range w.links {
		if e.dialer == id {
			peers = append(peers, e.acceptor)
		} else if e.acceptor == id {
			peers = append(peers, e.dialer)
		}
	}
	return peers
}

func byEnds(a, b ends) int { return strings.Compare(a.dialer+" "+a.acceptor, b.dialer+" "+b.acceptor) }

// of is the gateways of a data centre that are not dead, in the order of a pair.
func (w *globe) of(p pair, dc string) []gateway {
	var gs []gateway
	for _, id := range w.ids {
		if strings.HasPrefix(id, dc+"/") && !w.isDead(id) {
			gs = append(gs, gw(id))
		}
	}
	return p.rank(gs)
}

// Whatever died, returned or was cut before: once nothing changes, each pair of data centres of which any two gateways
// reach each other has exactly one link; and if its first dialer reaches anybody, it is that one's, to the best that it
// reaches. How long that takes is bounded, too.
func TestChoiceSettlesOnOneLinkForEachPair(t *testing.T) {
	const settled = noticeDeath + noticeLink + 90*time.Second
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(1, 3), 2, 3).Draw(t, "sizes")
		changes := rapid.SliceOfN(rapid.IntRange(0, 99), 0, 6).Draw(t, "changes")
		pauses := rapid.SliceOfN(rapid.IntRange(1, 40), len(changes), len(changes)).Draw(t, "pauses")
		run := func() *globe {
			w := newGlobe(sizes)
			for i, c := range changes {
				for range pauses[i] {
					w.step()
				}
				id := w.ids[c%len(w.ids)]
				if c < 40 {
					if w.isDead(id) {
						delete(w.dead, id)
						w.choices[id] = newChooser(id, id[:1], testPatience)
						w.tags[id] = nil
						for e := range w.links {
							if e.dialer == id || e.acceptor == id {
								w.end(e) // Its process is another.
							}
						}
					} else {
						w.dead[id] = w.now
					}
					continue
				}
				other := w.ids[(c/len(w.ids)+c)%len(w.ids)]
				e := ends{min(id, other), max(id, other)}
				w.cut[e] = !w.cut[e]
			}
			for range int(settled / tick) {
				w.step()
			}
			return w
		}
		w := run()
		for i := range sizes {
			for j := range i {
				p := pair{string(rune('a' + j)), string(rune('a' + i))}
				dialers, acceptors := w.of(p, p.lo), w.of(p, p.hi)
				reachable, best := false, ""
				for k, d := range dialers {
					for _, a := range acceptors {
						if e := (ends{d.id, a.id}); w.works(e) {
							if k == 0 && best == "" {
								best = fmt.Sprint(e)
							}
							reachable = true
						}
					}
				}
				var got []string
				for e := range w.links {
					if e.dialer[:1] == p.lo && e.acceptor[:1] == p.hi {
						got = append(got, fmt.Sprint(e))
					}
				}
				if !reachable && len(got) > 0 || reachable && len(got) != 1 || best != "" && got[0] != best {
					t.Fatalf("%v has the links %v, want %q (reachable: %v)\n%s", p, got, best, reachable, w.trace.String())
				}
			}
		}
		if len(changes) > 1 {
			return // To do it twice is slow, and once is enough where it is quick.
		}
		if again := run(); again.trace.String() != w.trace.String() {
			t.Fatal("the same knowledge led to another choice")
		}
	})
}
