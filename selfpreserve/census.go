package selfpreserve

import (
	"slices"
	"time"
)

// census counts the leases of one scope by the class of their overdue time. It has an entry for each class in use, in
// order; a scope whose leases have one TTL has one entry, any scope rarely more than ten. The zero census is empty.
//
// A silent lease has a band: its own class, or the last of the classes that would have shown by now that they are silent,
// had they fallen silent with it. It is judged against all classes up to its band, and against any wider population up to
// the whole scope: the narrow one sees what the leases that have had no time to show would hide, the wide ones see what
// is too little to count in the narrow one. Bands that lie between two classes in use see the same leases, so they are
// judged, and held, as one: at the lower of the two.
type census []cell

// counts is what is counted for one class.
type counts struct {
	live int32 // leases of this class, overdue ones included
	lost int32 // those of them that are overdue
	gone int32 // leases of this class that were evicted within their last TTL
	band int32 // overdue leases, of this class or a lower one, whose band this is
}

type cell struct {
	class class
	counts
	hold
	interval time.Duration // longest expected interval counted here since the cell came into use
}

// hold is the decision to evict nothing, with its hysteresis: it ends when its cause has been absent for an interval.
type hold struct {
	held  bool
	clear Instant // when it ends if its cause stays away; never while the cause is there
}

// update follows the cause at now and reports whether the hold has just ended.
func (h *hold) update(cause bool, now Instant, interval time.Duration) (ended bool) {
	switch {
	case cause:
		h.held, h.clear = true, never
	case h.held && h.clear == never:
		h.clear = now + interval
	case h.held && h.clear <= now:
		*h = hold{}
		return true
	}
	return false
}

// verdict is what a judgement found.
type verdict struct {
	held     bool          // something must not be evicted
	ended    bool          // a hold has ended just now
	tripped  bool          // the cause of a hold is there now; lost, total and within are its counts
	lost     int           // silent leases of the widest population that tripped, else of the whole scope
	total    int           // leases of the same population
	within   time.Duration // upper bound of that population's overdue times; 0 for the whole scope
	of       subject       // what lost and total count
	interval time.Duration // longest expected interval in the scope
	clear    Instant       // when the next hold ends by itself, never if none does
}

// subject is what the counts of a verdict are counts of.
type subject uint8

const (
	ofLeases subject = iota
	ofHomes
	ofNodes
)

// add counts d at class c, for a lease of the given expected interval (0 if it counts as no lease).
func (q *census) add(c class, d counts, interval time.Duration) {
	i, ok := slices.BinarySearchFunc(*q, c, func(e cell, c class) int { return int(e.class) - int(c) })
	if !ok {
		*q = slices.Insert(*q, i, cell{class: c})
	}
	e := &(*q)[i]
	e.live += d.live
	e.lost += d.lost
	e.gone += d.gone
	e.band += d.band
	e.interval = max(e.interval, interval)
	if e.idle() {
		*q = slices.Delete(*q, i, i+1)
	}
}

// merge counts all of o's leases here too (sign +1), or no longer (sign -1). Holds stay where they are.
func (q *census) merge(o census, sign int32) {
	for _, e := range o {
		interval := e.interval
		if sign < 0 {
			interval = 0
		}
		q.add(e.class, counts{sign * e.live, sign * e.lost, sign * e.gone, sign * e.band}, interval)
	}
}

// sum is the silent leases (overdue or evicted lately) and all leases.
func (q census) sum() (lost, total int) {
	for _, e := range q {
		lost += int(e.lost + e.gone)
		total += int(e.live + e.gone)
	}
	return lost, total
}

// judge brings the holds up to date in one pass over the classes, and sums up.
func (q *census) judge(now Instant, r rule) verdict {
	v := verdict{clear: never}
	lost, total, waiting := 0, 0, int32(0)
	h := *q
	for i := 0; i < len(h); {
		e := &h[i]
		lost += int(e.lost + e.gone)
		total += int(e.live + e.gone)
		waiting += e.band
		v.interval = max(v.interval, e.interval)
		for i++; i < len(h) && !h[i].populated(); i++ {
			waiting += h[i].band
		}
		cause := waiting > 0 && r.forbids(lost, total)
		v.ended = e.update(cause, now, max(v.interval, 1)) || v.ended
		if cause {
			v.tripped, v.lost, v.total, v.within = true, lost, total, e.class.upper()
		}
		if e.held {
			v.held, v.clear = true, min(v.clear, e.clear)
		}
	}
	if !v.tripped || v.total == total {
		v.lost, v.total, v.within = lost, total, 0
	}
	if v.ended {
		*q = slices.DeleteFunc(h, func(e cell) bool { return e.idle() })
	}
	return v
}

// blocked reports whether a lease of the given band is held, by its own population or a wider one. Valid after judge.
func (q census) blocked(band class) bool {
	own := 0
	for i := range q {
		if q[i].class > band {
			break
		}
		if q[i].populated() {
			own = i
		}
	}
	return slices.ContainsFunc(q[own:], func(e cell) bool { return e.held })
}

// populated reports whether the cell begins a population of its own.
func (e *cell) populated() bool { return e.live+e.gone > 0 || e.held }

func (e *cell) idle() bool { return e.counts == counts{} && !e.held }
