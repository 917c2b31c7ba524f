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
