package causal

import (
	"cmp"
	"strconv"
)

// Origin is one life of one node: the writer of a run of sequences. A node that restarts takes a higher incarnation and
// starts its sequence again, so that no dot is ever used twice.
type Origin struct {
	// Node is the writer's identity across data centres, "datacenter/name".
	Node string
	// Incarnation tells the lives of one node apart. Unique for each life, higher for a later one. See Private for its
	// highest bit.
	Incarnation uint64
}

// Compare orders origins by node, then incarnation: -1, 0 or +1.
func (o Origin) Compare(p Origin) int {
	if c := cmp.Compare(o.Node, p.Node); c != 0 {
		return c
	}
	return cmp.Compare(o.Incarnation, p.Incarnation)
}

// Dot is the identity of one write: the Seq-th of its origin. Seq counts from 1; a Dot with Seq 0 is no write.
type Dot struct {
	Origin Origin
	Seq    uint64
}

// Compare orders dots by origin, then sequence: -1, 0 or +1.
func (d Dot) Compare(e Dot) int {
	if c := d.Origin.Compare(e.Origin); c != 0 {
		return c
	}
	return cmp.Compare(d.Seq, e.Seq)
}

// Hash is a 64-bit hash of the dot, the same on every node and in every version of the program. Sums of such hashes
// (wrapping) are order-independent hashes of sets of dots.
func (d Dot) Hash() uint64 { return mix(d.Origin.hash() + mix(d.Seq)) }

// String is "node@incarnation#seq", for people.
func (d Dot) String() string { return d.Origin.String() + "#" + strconv.FormatUint(d.Seq, 10) }

// Stamp orders the writes to one key. The larger Lamport counter wins; ties, which are concurrent writes, are broken by
// the dot, so that every node picks the same winner. The zero Stamp loses to every other.
type Stamp struct {
	// Lamport is max(every counter ever seen by the writer) + 1 at the moment of the write.
	Lamport uint64
	Dot     Dot
}

// Compare is the total order of stamps: -1 if s loses to t, 0 if they are the same write, +1 if s wins.
func (s Stamp) Compare(t Stamp) int {
	if c := cmp.Compare(s.Lamport, t.Lamport); c != 0 || planted == "ties are left as they come" {
		return c
	}
	return s.Dot.Compare(t.Dot)
}

// Wins reports whether s replaces t.
func (s Stamp) Wins(t Stamp) bool { return s.Compare(t) > 0 }

// IsZero reports whether s is the zero Stamp, which belongs to no write.
func (s Stamp) IsZero() bool { return s == Stamp{} }

// hash is FNV-1a over the node name, mixed with the incarnation.
func (o Origin) hash() uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range len(o.Node) {
		h = (h ^ uint64(o.Node[i])) * prime
	}
	return mix(h ^ mix(o.Incarnation))
}

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): every input bit reaches every output bit.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb
	return x ^ (x >> 31)
}
