package causal

import (
	"iter"
	"maps"
	"slices"
	"sort"
)

// Range is a run of sequences, First to Last inclusive. First is at least 1 and at most Last.
type Range struct{ First, Last uint64 }

// Vector is a set of dots: for each origin the runs of sequences seen. With nothing lost an origin is one run that
// starts at 1 (the contiguous prefix); runs beyond it were seen out of order, and what lies between them are the gaps.
// It says which writes have been taken into account, not which are still held: a dot that is covered and absent has
// been superseded or deleted.
//
// The zero Vector covers nothing and is ready for use. Not safe for concurrent use. Copy with Clone.
type Vector struct {
	seen map[Origin]*runs
}

// runs is the sequences of one origin: sorted, disjoint, not adjacent, never empty.
type runs struct {
	r     []Range
	hash  uint64
	clean bool // hash is that of r
}

// Covers reports whether d has been seen. A dot with Seq 0 is covered by every vector.
func (v *Vector) Covers(d Dot) bool {
	if d.Seq == 0 {
		return true
	}
	s := v.seen[d.Origin]
	return s != nil && s.covers(d.Seq)
}

// Add adds one dot and reports whether it is new. A dot with Seq 0 is ignored.
func (v *Vector) Add(d Dot) bool {
	if d.Seq == 0 {
		return false
	}
	return v.origin(d.Origin).add(Range{d.Seq, d.Seq})
}

// AddRange adds a run of one origin's sequences and reports whether any of it is new. A range that is not well formed
// (First 0, or beyond Last) is ignored.
func (v *Vector) AddRange(o Origin, r Range) bool {
	if r.First == 0 || r.First > r.Last {
		return false
	}
	return v.origin(o).add(r)
}

// Merge adds all that w covers and reports whether any of it is new. w is not changed and shares no memory with v
// afterwards.
func (v *Vector) Merge(w *Vector) bool {
	grew := false
	for o, s := range w.seen {
		mine := v.origin(o)
		for _, r := range s.r {
			if mine.add(r) {
				grew = true
			}
		}
	}
	return grew
}

// Minus yields what v covers and w does not, origins in order, runs in order.
func (v *Vector) Minus(w *Vector) iter.Seq2[Origin, Range] {
	return func(yield func(Origin, Range) bool) {
		for _, o := range v.Origins() {
			for _, r := range v.MinusOrigin(w, o) {
				if !yield(o, r) {
					return
				}
			}
		}
	}
}

// MinusOrigin is what v covers of one origin and w does not: sorted, disjoint runs; nil if nothing.
func (v *Vector) MinusOrigin(w *Vector, o Origin) []Range {
	var out []Range
	theirs := w.Ranges(o)
	for _, r := range v.Ranges(o) {
		next := r.First
		i := sort.Search(len(theirs), func(i int) bool { return theirs[i].Last >= next })
		for ; i < len(theirs) && theirs[i].First <= r.Last; i++ {
			if theirs[i].First > next {
				out = append(out, Range{next, theirs[i].First - 1})
			}
			next = theirs[i].Last + 1
		}
		if next <= r.Last && next != 0 {
			out = append(out, Range{next, r.Last})
		}
	}
	return out
}

// Dominates reports whether v covers all that w covers.
func (v *Vector) Dominates(w *Vector) bool {
	for range w.Minus(v) {
		return false
	}
	return true
}

// Equal reports whether v and w cover the same dots.
func (v *Vector) Equal(w *Vector) bool {
	if len(v.seen) != len(w.seen) {
		return false
	}
	for o, s := range v.seen {
		t := w.seen[o]
		if t == nil || !slices.Equal(s.r, t.r) {
			return false
		}
	}
	return true
}

// Prefix is the last sequence of o up to which nothing is missing; 0 if the first one is.
func (v *Vector) Prefix(o Origin) uint64 {
	if s := v.seen[o]; s != nil && s.r[0].First == 1 {
		return s.r[0].Last
	}
	return 0
}

// Head is the highest sequence of o seen, with or without gaps before it; 0 if none.
func (v *Vector) Head(o Origin) uint64 {
	if s := v.seen[o]; s != nil {
		return s.r[len(s.r)-1].Last
	}
	return 0
}

// Ranges is what has been seen of o: sorted, disjoint, not adjacent; nil if nothing. The slice belongs to v: read it
// before the next change, do not keep it or write to it.
func (v *Vector) Ranges(o Origin) []Range {
	if s := v.seen[o]; s != nil {
		return s.r
	}
	return nil
}

// Origins lists the origins of which something has been seen, in order.
func (v *Vector) Origins() []Origin {
	return slices.SortedFunc(maps.Keys(v.seen), Origin.Compare)
}

// Len is the number of origins.
func (v *Vector) Len() int { return len(v.seen) }

// Drop forgets an origin. Only for one whose node is gone for good and of which no record is held: a delayed message of
// it would count as new again.
func (v *Vector) Drop(o Origin) { delete(v.seen, o) }

// Clone is a deep copy.
func (v *Vector) Clone() *Vector {
	c := &Vector{seen: make(map[Origin]*runs, len(v.seen))}
	for o, s := range v.seen {
		c.seen[o] = &runs{r: slices.Clone(s.r), hash: s.hash, clean: s.clean}
	}
	return c
}

// Hash is a 64-bit hash of what is covered, the same for equal vectors on every node, 0 for the empty one. Origins that
// have not changed since the last call cost one addition each.
func (v *Vector) Hash() uint64 {
	var h uint64
	for o, s := range v.seen {
		if !s.clean {
			s.hash = 0
			for i, r := range s.r {
				s.hash = mix(s.hash + mix(r.First) + mix(^r.Last) + uint64(i))
			}
			s.hash = mix(s.hash + o.hash())
			s.clean = true
		}
		h += s.hash
	}
	return h
}

func (v *Vector) origin(o Origin) *runs {
	s := v.seen[o]
	if s == nil {
		if v.seen == nil {
			v.seen = make(map[Origin]*runs)
		}
		s = &runs{}
		v.seen[o] = s
	}
	return s
}

func (s *runs) covers(seq uint64) bool {
	if last := s.r[len(s.r)-1]; seq >= last.First { // the usual question is about the newest
		return seq <= last.Last
	}
	i := sort.Search(len(s.r), func(i int) bool { return s.r[i].Last >= seq })
	return s.r[i].First <= seq
}

func (s *runs) add(r Range) bool {
	n := len(s.r)
	if n > 0 && r.First == s.r[n-1].Last+1 && s.r[n-1].Last != ^uint64(0) { // the usual write is the next one
		s.r[n-1].Last, s.clean = r.Last, false
		return true
	}
	// s.r[i:j] are the runs that touch or overlap r.
	i := sort.Search(n, func(i int) bool { return s.r[i].Last >= r.First || s.r[i].Last+1 == r.First })
	j := i
	for j < n && (s.r[j].First <= r.Last || s.r[j].First-1 == r.Last) {
		j++
	}
	if i == j {
		s.r, s.clean = slices.Insert(s.r, i, r), false
		return true
	}
	joined := Range{min(r.First, s.r[i].First), max(r.Last, s.r[j-1].Last)}
	if j == i+1 && joined == s.r[i] {
		return false
	}
	s.r[i], s.clean = joined, false
	s.r = slices.Delete(s.r, i+1, j)
	return true
}
