package wan

import (
	"cmp"
	"slices"
)

// gateway is a gateway that is alive, as the chooser sees it.
type gateway struct {
	id, dc string
	life   string          // Serf's name of this life
	marks  map[string]bool // of the gateways to which it says that it holds a link
}

// says reports whether g says that it holds a link to the gateway with that identity.
func (g gateway) says(id string) bool { return g.marks[mark(id)] }

// pair is two data centres, the one with the smaller name first: that one dials.
type pair struct{ lo, hi string }

func pairOf(a, b string) pair { return pair{min(a, b), max(a, b)} }

// rank puts the gateways of one data centre in the order in which they are to hold the link of a pair: by rendezvous
// hash, so that each pair has another first and a death moves only the links of the dead. All who know the same gateways
// get the same order.
func (p pair) rank(gs []gateway) []gateway {
	weight := func(g gateway) uint64 { return hash(p.lo, "/", p.hi, "/", g.id) }
	return slices.SortedFunc(slices.Values(gs), func(a, b gateway) int {
		return cmp.Or(cmp.Compare(weight(b), weight(a)), cmp.Compare(a.id, b.id))
	})
}
