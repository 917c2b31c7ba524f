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
	// order is seen in the order of origins, nil since an origin came or went: vectors of thousands of origins are
	// compared, encoded and copied far more often than they get a new one.
	order []*runs
}

// runs is the sequences of one origin: sorted, disjoint, not adjacent, never empty.
type runs struct {
	origin Origin
	r      []Range
	first  [1]Range // where r begins: an origin without gaps needs no more
	hash   uint64
	clean  bool // hash is that of r
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
	for _, s := range w.sorted() {
		mine := v.origin(s.origin)
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
		theirs := w.sorted()
		for _, s := range v.sorted() {
			for len(theirs) > 0 && theirs[0].origin.Compare(s.origin) < 0 {
				theirs = theirs[1:]
			}
			var t []Range
			if len(theirs) > 0 && theirs[0].origin == s.origin {
				t = theirs[0].r
			}
			if len(t) == 1 && len(s.r) == 1 && t[0].First <= s.r[0].First && t[0].Last >= s.r[0].Last {
				continue // The usual case: nothing is missing.
			}
			for _, r := range minus(s.r, t) {
				if !yield(s.origin, r) {
					return
				}
			}
		}
	}
}

// Missing is what v does not cover of one origin's run r: sorted, disjoint runs; nil if nothing.
func (v *Vector) Missing(o Origin, r Range) []Range {
	if r.First == 0 || r.First > r.Last {
		return nil
	}
	return minus([]Range{r}, v.Ranges(o))
}

// minus is what mine has and theirs does not.
func minus(mine, theirs []Range) []Range {
	var out []Range
	for _, r := range mine {
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
	origins := make([]Origin, len(v.seen))
	for i, s := range v.sorted() {
		origins[i] = s.origin
	}
	return origins
}

// All yields each origin of which something has been seen with its runs, as Ranges gives them, origins in order.
func (v *Vector) All() iter.Seq2[Origin, []Range] {
	return func(yield func(Origin, []Range) bool) {
		for _, s := range v.sorted() {
			if !yield(s.origin, s.r) {
				return
			}
		}
	}
}

func (v *Vector) sorted() []*runs {
	if v.order == nil && len(v.seen) > 0 {
		v.order = slices.SortedFunc(maps.Values(v.seen), func(a, b *runs) int { return a.origin.Compare(b.origin) })
	}
	return v.order
}

// Len is the number of origins.
func (v *Vector) Len() int { return len(v.seen) }

// Drop forgets an origin. Only for one whose node is gone for good and of which no record is held: a delayed message of
// it would count as new again.
func (v *Vector) Drop(o Origin) {
	delete(v.seen, o)
	v.order = nil
}

// Clone is a deep copy.
func (v *Vector) Clone() *Vector {
	c := &Vector{seen: make(map[Origin]*runs, len(v.seen)), order: make([]*runs, 0, len(v.seen))}
	all := make([]runs, len(v.seen))
	for i, s := range v.sorted() {
		t := &all[i]
		*t = runs{origin: s.origin, hash: s.hash, clean: s.clean}
		t.r = append(t.first[:0], s.r...)
		c.seen[s.origin] = t
		c.order = append(c.order, t)
	}
	return c
}

// Hash is a 64-bit hash of what is covered, the same for equal vectors on every node, 0 for the empty one. Origins that
// have not changed since the last call cost one addition each.
func (v *Vector) Hash() uint64 {
	var h uint64
	for _, s := range v.sorted() {
		if !s.clean {
			s.hash = 0
			for i, r := range s.r {
				s.hash = mix(s.hash + mix(r.First) + mix(^r.Last) + uint64(i))
			}
			s.hash = mix(s.hash + s.origin.hash())
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
		s = &runs{origin: o}
		s.r = s.first[:0]
		v.seen[o] = s
		if n := len(v.order); n > 0 && v.order[n-1].origin.Compare(o) < 0 {
			v.order = append(v.order, s) // As when a vector is read, in order.
		} else {
			v.order = nil
		}
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
