package causal

import (
	"testing"

	"pgregory.net/rapid"
)

// model is the obvious set of dots.
type model map[Dot]bool

func drawOrigin(t *rapid.T) Origin {
	return Origin{
		Node:        rapid.SampledFrom([]string{"dc1/a", "dc1/b", "dc2/a"}).Draw(t, "node"),
		Incarnation: rapid.Uint64Range(1, 2).Draw(t, "incarnation"),
	}
}

func drawVector(t *rapid.T) (*Vector, model) {
	v, m := &Vector{}, model{}
	for range rapid.IntRange(0, 12).Draw(t, "adds") {
		o := drawOrigin(t)
		first := rapid.Uint64Range(1, 20).Draw(t, "first")
		last := first + rapid.Uint64Range(0, 6).Draw(t, "length")
		isNew := false
		for s := first; s <= last; s++ {
			isNew = isNew || !m[Dot{o, s}]
			m[Dot{o, s}] = true
		}
		var grew bool
		if first == last {
			grew = v.Add(Dot{o, first})
		} else {
			grew = v.AddRange(o, Range{first, last})
		}
		if grew != isNew {
			t.Fatalf("adding %v..%v of %v reported new=%v, want %v", first, last, o, grew, isNew)
		}
	}
	return v, m
}

func (m model) union(n model) model {
	u := model{}
	for d := range m {
		u[d] = true
	}
	for d := range n {
		u[d] = true
	}
	return u
}

func check(t *rapid.T, v *Vector, m model) {
	t.Helper()
	n := 0
	for _, o := range v.Origins() {
		rs := v.Ranges(o)
		for i, r := range rs {
			if r.First == 0 || r.First > r.Last || i > 0 && rs[i-1].Last+1 >= r.First {
				t.Fatalf("runs of %v are not sorted, disjoint and apart: %v", o, rs)
			}
			n += int(r.Last - r.First + 1)
		}
	}
	if n != len(m) {
		t.Fatalf("covers %d dots, want %d", n, len(m))
	}
	for d := range m {
		if !v.Covers(d) {
			t.Fatalf("does not cover %v", d)
		}
	}
}

func TestVectorIsASetOfDots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, m := drawVector(t)
		check(t, v, m)
		for _, o := range v.Origins() {
			prefix := v.Prefix(o)
			for s := uint64(1); s <= prefix; s++ {
				if !m[Dot{o, s}] {
					t.Fatalf("prefix %d of %v has a gap at %d", prefix, o, s)
				}
			}
			if m[Dot{o, prefix + 1}] {
				t.Fatalf("prefix %d of %v is too short", prefix, o)
			}
			if !m[Dot{o, v.Head(o)}] || m[Dot{o, v.Head(o) + 1}] {
				t.Fatalf("head %d of %v is not the highest", v.Head(o), o)
			}
		}
	})
}

func TestMergeIsTheUnionAndAJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, ma := drawVector(t)
		b, mb := drawVector(t)
		c, _ := drawVector(t)
		ab := a.Clone()
		if grew := ab.Merge(b); grew != (len(ma.union(mb)) > len(ma)) {
			t.Fatalf("merge reported grew=%v", grew)
		}
		check(t, ab, ma.union(mb))
		check(t, a, ma) // the clone shares nothing

		ba := b.Clone()
		ba.Merge(a)
		if !ab.Equal(ba) || ab.Hash() != ba.Hash() {
			t.Fatal("not commutative")
		}
		left, bc := ab.Clone(), b.Clone()
		left.Merge(c)
		bc.Merge(c)
		right := a.Clone()
		right.Merge(bc)
		if !left.Equal(right) || left.Hash() != right.Hash() {
			t.Fatal("not associative")
		}
		if left.Merge(right) || !left.Dominates(a) || !left.Dominates(c) {
			t.Fatal("not idempotent, or not an upper bound")
		}
	})
}

func TestMinusIsTheDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, ma := drawVector(t)
		b, mb := drawVector(t)
		got := &Vector{}
		for o, r := range a.Minus(b) {
			got.AddRange(o, r)
		}
		want := model{}
		for d := range ma {
			if !mb[d] {
				want[d] = true
			}
		}
		check(t, got, want)
		if a.Dominates(b) != (len(ma.union(mb)) == len(ma)) {
			t.Fatal("dominates disagrees with the difference")
		}
	})
}

func TestHashTellsVectorsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, _ := drawVector(t)
		b, _ := drawVector(t)
		if a.Equal(b) != (a.Hash() == b.Hash()) {
			t.Fatalf("equal=%v, hashes %x and %x", a.Equal(b), a.Hash(), b.Hash())
		}
		before := a.Hash()
		if a.Add(Dot{Origin{"dc9/z", 1}, 1}); a.Hash() == before {
			t.Fatal("an added dot left the hash as it was")
		}
	})
}

func TestStampsAreTotallyOrderedAndZeroLosesToAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func() Stamp {
			return Stamp{rapid.Uint64Range(1, 3).Draw(t, "lamport"), Dot{drawOrigin(t), rapid.Uint64Range(1, 3).Draw(t, "seq")}}
		}
		a, b, c := draw(), draw(), draw()
		if a.Compare(b) != -b.Compare(a) || (a == b) != (a.Compare(b) == 0) {
			t.Fatal("not antisymmetric")
		}
		if a.Wins(b) && b.Wins(c) && !a.Wins(c) {
			t.Fatal("not transitive")
		}
		if !a.Wins(Stamp{}) || !(Stamp{}).IsZero() {
			t.Fatal("the zero stamp must lose")
		}
	})
}

func TestVectorAtTheEndOfTheNumbers(t *testing.T) {
	const top = ^uint64(0)
	v, o := &Vector{}, Origin{"dc1/a", 1}
	v.AddRange(o, Range{top - 1, top})
	if v.Add(Dot{o, top}) || !v.Covers(Dot{o, top}) || v.Covers(Dot{o, 1}) {
		t.Fatal("wrong at the highest sequence")
	}
	w := &Vector{}
	w.Add(Dot{o, top})
	if got := w.Missing(o, Range{top - 1, top}); len(got) != 1 || got[0] != (Range{top - 1, top - 1}) {
		t.Fatalf("missing %v", got)
	}
	for _, got := range v.Minus(w) {
		if got != (Range{top - 1, top - 1}) {
			t.Fatalf("difference %v", got)
		}
	}
	if v.AddRange(o, Range{0, 5}) || v.AddRange(o, Range{6, 5}) || v.Len() != 1 {
		t.Fatal("a malformed range was taken")
	}
}
