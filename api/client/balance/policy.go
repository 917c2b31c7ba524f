package balance

import "slices"

// Policy is a way to choose.
type Policy int

const (
	// RoundRobin takes one after the other, whatever their weights.
	RoundRobin Policy = iota
	// Weighted takes each as often as its weight says, spread evenly.
	Weighted
	// Random draws, each as often as its weight says on average.
	Random
	// TwoChoices draws two, and takes the one with fewer outstanding requests for its weight.
	TwoChoices
)

// choose applies the policy; there is at least one to choose.
func (b *Balancer) choose() *member {
	switch b.cfg.Policy {
	case Weighted:
		return b.smooth()
	case Random:
		at, _ := slices.BinarySearch(b.totals, b.cfg.Rand.IntN(b.totals[len(b.totals)-1])+1)
		return b.usable[at]
	case TwoChoices:
		return b.lighter()
	case RoundRobin:
	}
	b.turn++
	return b.usable[b.turn%len(b.usable)]
}

// smooth lets every member gain its weight, takes the one that has most, and lets that one pay for all.
func (b *Balancer) smooth() *member {
	var best *member
	total := 0
	for _, m := range b.usable {
		m.current += m.Weight
		total += m.Weight
		if best == nil || m.current > best.current {
			best = m
		}
	}
	best.current -= total
	return best
}

// lighter is the one of two that would be less busy for its weight.
func (b *Balancer) lighter() *member {
	x := b.cfg.Rand.IntN(len(b.usable))
	if len(b.usable) == 1 {
		return b.usable[x]
	}
	y := b.cfg.Rand.IntN(len(b.usable) - 1)
	if y >= x {
		y++
	}
	p, q := b.usable[x], b.usable[y]
	if (q.outstanding+1)*p.Weight < (p.outstanding+1)*q.Weight {
		return q
	}
	return p
}
