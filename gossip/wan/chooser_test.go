package wan

import (
	"fmt"
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
		{"who is leaving dials nobody, and leaves the end of its links to its leave", a[0], []moment{
			{at: 0, alive: without(all(), a[0])},
			{at: 1, alive: without(all([2]string{a[0], b[0]}, [2]string{a[1], b[0]}), a[0]), links: []held{hold(b[0], t0)}},
			{at: 60, alive: without(all([2]string{a[0], b[0]}, [2]string{a[1], b[0]}), a[0]), links: []held{hold(b[0], t0)}},
		}},
		{"a link to one that is leaving is closed once another is up", a[0], []moment{
			{at: 0, alive: without(all(), b[0]), links: []held{hold(b[0], t0)}, dial: b[1]},
			{at: 1, alive: without(all(), b[0]), links: []held{hold(b[0], t0), hold(b[1], after(1))}, wakeAt: 11},
			{at: 11, alive: without(all(), b[0]), links: []held{hold(b[0], t0), hold(b[1], after(1))}, drop: b[0]},
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
			dial, dropped := "", ""
			if len(got.dial) > 0 {
				dial = got.dial[0].id
			}
			if len(got.drop) > 0 {
				dropped = got.drop[0].peer
			}
			wake := 0.0
			if !got.next.IsZero() {
				wake = got.next.Sub(t0).Seconds()
			}
			if len(got.dial) > 1 || len(got.drop) > 1 || dial != m.dial || dropped != m.drop || wake != m.wakeAt {
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
