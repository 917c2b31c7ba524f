package weighted

import (
	"math/bits"
	"slices"
	"sync/atomic"

	"google.golang.org/grpc/balancer"
)

// golden is the golden ratio's fraction in units of 1/2^64; it is odd, so that all 2^64 multiples are different.
const golden = 0x9e3779b97f4a7c15

// turn counts the calls of one channel, across its pickers. The zero turn begins at zero.
type turn struct{ n atomic.Uint64 }

// next is where in the interval from 0 to total the next call lies.
func (t *turn) next(total uint64) uint64 {
	at, _ := bits.Mul64(t.n.Add(1)*golden, total)
	return at
}

// picker picks among those that are ready. Immutable but for the turn, once it is in use.
type picker struct {
	turn  *turn
	ready []balancer.Picker
	ends  []uint64 // where the part of each ends: the sum of the shares up to it
}

// add gives one more picker a part of the interval; share is at least 1.
func (p *picker) add(ready balancer.Picker, share uint64) {
	if n := len(p.ends); n > 0 {
		share += p.ends[n-1]
	}
	p.ready, p.ends = append(p.ready, ready), append(p.ends, share)
}

// Pick has the one pick whose turn it is.
func (p *picker) Pick(info balancer.PickInfo) (balancer.PickResult, error) {
	n := len(p.ends)
	if n == 0 {
		return balancer.PickResult{}, balancer.ErrNoSubConnAvailable
	}
	whose, exact := slices.BinarySearch(p.ends, p.turn.next(p.ends[n-1]))
	if exact { // A part ends before its end.
		whose++
	}
	return p.ready[whose].Pick(info)
}
