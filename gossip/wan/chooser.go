package wan

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// patience is the waits of a chooser.
type patience struct {
	step   time.Duration // how much longer each rank waits for the ranks before it
	settle time.Duration // how long a link is up until worse ones are closed in its favour
	// retryMin doubles up to retryMax, or retryIdle while another gateway holds the link: the pause between two tries of
	// one gateway.
	retryMin, retryMax, retryIdle time.Duration
}

// forgetFailure is when a failure no longer counts.
const forgetFailure = 2 * time.Minute

// chooser decides which links this gateway dials and which it closes, so that each pair of data centres has one. Pure:
// time and knowledge are parameters, and equal ones give equal plans. It is not safe for concurrent use; make one with
// newChooser.
//
// Links are known by what gateways say in their tags. One counts as up if both ends say so: what a dead gateway said
// last does not keep the others from taking over, since its partner no longer says it. Of two links between the same data
// centres the better one is that of the better dialer, then that of the better acceptor, in the order of pair.rank; so
// whoever closes a link has a better one in mind, and the best is closed by nobody.
type chooser struct {
	self, dc string
	patience

	silent map[string]time.Time // data centre to since when no link to it is known
	up     map[ends]time.Time   // known links to since when
	tries  map[string]failure   // life to how often it failed
}

// ends is the identities of a link's ends, the dialer's first.
type ends struct{ dialer, acceptor string }

type failure struct {
	count int
	last  time.Time
}

// held is a link of this gateway.
type held struct {
	peer, dc, life string
	since          time.Time
}

// plan is what a chooser wants done. The zero time is never.
type plan struct {
	dial []gateway
	drop []drop
	next time.Time // when to ask again, if nothing changes before
}

// drop is a link to be closed.
type drop struct{ peer, reason string }

func newChooser(self, dc string, p patience) *chooser {
	return &chooser{
		self: self, dc: dc, patience: p,
		silent: map[string]time.Time{}, up: map[ends]time.Time{}, tries: map[string]failure{},
	}
}

// failed is a dial that led to nothing, or a link that broke.
func (c *chooser) failed(life string, now time.Time) {
	c.tries[life] = failure{c.tries[life].count + 1, now}
}

// decide gives the plan for this moment. alive is all gateways that are alive, this one among them unless it is
// leaving; links is its links; dialing is the data centres that it is dialing.
func (c *chooser) decide(now time.Time, alive []gateway, links []held, dialing map[string]bool) plan {
	byDC := map[string][]gateway{}
	for _, g := range alive {
		byDC[g.dc] = append(byDC[g.dc], g)
	}
	mine := byDC[c.dc]
	delete(byDC, c.dc)
	for _, h := range links {
		if _, ok := byDC[h.dc]; !ok {
			byDC[h.dc] = nil
		}
		if now.Sub(h.since) >= c.settle {
			delete(c.tries, h.life)
		}
	}
	maps.DeleteFunc(c.tries, func(_ string, f failure) bool { return now.Sub(f.last) > forgetFailure })
	maps.DeleteFunc(c.silent, func(dc string, _ time.Time) bool { _, ok := byDC[dc]; return !ok })

	var p plan
	up := map[ends]time.Time{}
	for _, dc := range slices.Sorted(maps.Keys(byDC)) {
		c.decidePair(now, &p, up, mine, byDC[dc], dc, links, dialing[dc])
	}
	c.up = up
	return p
}

// decidePair adds to the plan what concerns one other data centre, and to up its links that are known.
func (c *chooser) decidePair(
	now time.Time, p *plan, up map[ends]time.Time, mine, theirs []gateway, dc string, links []held, dialing bool,
) {
	pair := pairOf(c.dc, dc)
	dialers, acceptors := pair.rank(mine), pair.rank(theirs)
	if pair.hi == c.dc {
		dialers, acceptors = acceptors, dialers
	}
	own := map[string]held{}
	for _, h := range links {
		if h.dc == dc {
			own[h.peer] = h
		}
	}

	// The known links in their order, the best first.
	var known []ends
	for _, d := range dialers {
		for _, a := range acceptors {
			e := ends{d.id, a.id}
			if since, ok := c.since(now, d, a, own); ok {
				known, up[e] = append(known, e), since
			}
		}
	}
	covered := len(known) > 0 || len(own) > 0
	if covered {
		delete(c.silent, dc)
	} else if _, ok := c.silent[dc]; !ok {
		c.silent[dc] = now
	}

	leaving := !slices.ContainsFunc(mine, func(g gateway) bool { return g.id == c.self })
	for _, peer := range slices.Sorted(maps.Keys(own)) {
		if leaving {
			break // Its links end with its leave, and not on the word of tags that may be old.
		}
		this := ends{c.self, peer}
		if pair.hi == c.dc {
			this = ends{peer, c.self}
		}
		place := slices.Index(known, this)
		if place < 0 {
			place = math.MaxInt // The peer is leaving, or not alive as far as is known.
		}
		for _, better := range known[:min(place, len(known))] {
			if wait := up[better].Add(c.settle); wait.After(now) {
				p.wake(wait)
				continue
			}
			p.drop = append(p.drop, drop{peer, fmt.Sprintf("the link from %s to %s takes its place", better.dialer, better.acceptor)})
			break
		}
	}

	rank := slices.IndexFunc(dialers, func(g gateway) bool { return g.id == c.self })
	if rank < 0 || pair.lo != c.dc || dialing || covered && rank > 0 {
		return
	}
	// The first dialer is content with the first acceptor alone: it moves on from any other, which may have been all that
	// there was when the link came up.
	if i := slices.IndexFunc(acceptors, func(g gateway) bool { _, ok := own[g.id]; return ok }); i >= 0 {
		acceptors = acceptors[:i]
	}
	if len(acceptors) == 0 {
		return
	}
	if !covered {
		if due := c.silent[dc].Add(time.Duration(rank) * c.step); due.After(now) {
			p.wake(due)
			return
		}
	}
	if g, at := c.pick(acceptors, covered); at.After(now) {
		p.wake(at)
	} else {
		p.dial = append(p.dial, g)
	}
}

// since tells whether the link from d to a is known to be up, and since when.
func (c *chooser) since(now time.Time, d, a gateway, own map[string]held) (time.Time, bool) {
	switch {
	case d.id == c.self:
		h, ok := own[a.id]
		return h.since, ok
	case a.id == c.self:
		h, ok := own[d.id]
		return h.since, ok
	case !d.says(a.id) || !a.says(d.id):
		return time.Time{}, false
	}
	if t, ok := c.up[ends{d.id, a.id}]; ok {
		return t, true
	}
	return now, true
}

// pick is the gateway to try next and when: one that has not failed, the best first; else the one that failed longest
// ago.
func (c *chooser) pick(ranked []gateway, covered bool) (gateway, time.Time) {
	ready := func(g gateway) time.Time {
		f, ok := c.tries[g.life]
		if !ok {
			return time.Time{}
		}
		limit := c.retryMax
		if covered {
			limit = c.retryIdle
		}
		return f.last.Add(min(c.retryMin<<min(f.count-1, 16), limit))
	}
	// Of equals the first, which is the best.
	g := slices.MinFunc(ranked, func(a, b gateway) int {
		_, failedA := c.tries[a.life]
		_, failedB := c.tries[b.life]
		if !failedA && !failedB {
			return 0
		}
		return cmp.Or(order(failedA, failedB), ready(a).Compare(ready(b)))
	})
	return g, ready(g)
}

func (p *plan) wake(at time.Time) {
	if p.next.IsZero() || at.Before(p.next) {
		p.next = at
	}
}

// order puts true above false.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}
