package selfpreserve

import (
	"math/bits"
	"time"
)

// class is a range of durations, four to an octave, counted in milliseconds: [4,5), [5,6), [6,7), [7,8), [8,10), [10,12)
// and so on; durations below 4 ms have a class a millisecond.
//
// Four to an octave, and not one, is what makes a class safe as a unit of judgement: no class is wider than 1.25 times
// its lower bound, while a lease that renews every half TTL is overdue at 0.75 TTL and expires 1.33 times later. When one
// lease of a class expires, all others of the class have had their time to become overdue. With whole octaves ten leases
// of 22 s and ninety of 40 s would share a class, and the ten would be evicted among ninety that look well.
type class uint8

// lastClass has no upper bound: it begins at 2^32 + 3*2^30 ms, 87 days.
const lastClass class = 127

// classOf is the class that contains d; negative durations are in class 0.
func classOf(d time.Duration) class {
	ms := uint64(max(d, 0) / time.Millisecond)
	if ms < 4 {
		return class(ms)
	}
	octave := bits.Len64(ms) - 1 // at least 2
	return class(min(4*(octave-1)+int(ms>>(octave-2)&3), int(lastClass)))
}

// upper is the end of c, exclusive, which is the beginning of the next class; never for the last one.
func (c class) upper() time.Duration {
	next := c + 1
	switch {
	case c >= lastClass:
		return never
	case next < 4:
		return time.Duration(next) * time.Millisecond
	default:
		return time.Duration((4+uint64(next)%4)<<(next/4-1)) * time.Millisecond
	}
}

// shown is the last class of which every lease must be overdue by now if it fell silent s ago; false if there is none.
func shown(s time.Duration) (class, bool) {
	c := classOf(s)
	if c == 0 {
		return 0, false
	}
	return c - 1, true
}
