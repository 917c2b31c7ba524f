package client

import "time"

// shrinkWindow is the time within which losses count together: a stream tells them one by one.
const shrinkWindow = 10 * time.Second

// guard decides whether a list that a node tells is believed. Pure: time comes in. Its owner serialises.
type guard struct {
	off   bool
	share float64

	peak   float64   // how many there were lately
	peakAt time.Time // when
	since  time.Time // when doubt began; zero if there is none
	small  bool      // what is in doubt is within share: believed if nobody else can be asked
}

// judge returns what to believe, given what is believed and what a node tells, both by id: all of it, or, in doubt, also
// what it lacks. fresh says that the node has not told how it came to this list from what is believed: it is another
// node, or it has been restarted; then whatever is missing is in doubt. Doubt ends when a list lacks nothing, or is
// settled.
func (g *guard) judge(now time.Time, believed, told []*Instance, fresh bool) (next, missing []*Instance) {
	if g.off || len(believed) == 0 {
		g.settle(now, len(told))
		return told, nil
	}
	if now.Sub(g.peakAt) > shrinkWindow || float64(len(believed)) >= g.peak {
		g.peak, g.peakAt = float64(len(believed)), now
	}
	g.small = g.peak-float64(len(told)) <= g.share*g.peak
	missing = lacking(believed, told)
	if len(missing) == 0 || g.small && !fresh && !g.doubts() {
		g.since = time.Time{}
		return told, nil
	}
	if g.since.IsZero() {
		g.since = now
	}
	return union(told, missing), missing
}

// settle ends doubt: the service has n instances now.
func (g *guard) settle(now time.Time, n int) {
	g.peak, g.peakAt, g.since = float64(n), now, time.Time{}
}

// left takes note that an instance has said goodbye, so that it is not missed.
func (g *guard) left() { g.peak = max(g.peak-1, 0) }

func (g *guard) doubts() bool { return !g.since.IsZero() }

// lacking is the instances of a that b has none of the id of; both are sorted by id, and so is the result.
func lacking(a, b []*Instance) (missing []*Instance) {
	for _, i := range a {
		for len(b) > 0 && b[0].ID < i.ID {
			b = b[1:]
		}
		if len(b) == 0 || b[0].ID != i.ID {
			missing = append(missing, i)
		}
	}
	return missing
}

// union merges two lists that are sorted by id and have none in common.
func union(a, b []*Instance) []*Instance {
	out := make([]*Instance, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0].ID < b[0].ID {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}
