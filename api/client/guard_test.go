package client

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// someInstances is a list by id, of up to n instances drawn from as many.
func someInstances(t *rapid.T, n int, label string) []*Instance {
	var out []*Instance
	for i := range n {
		if rapid.Bool().Draw(t, label) {
			out = append(out, &Instance{ID: fmt.Sprintf("i%02d", i)})
		}
	}
	return out
}

func has(all []*Instance, id string) bool {
	return slices.ContainsFunc(all, func(i *Instance) bool { return i.ID == id })
}

// Whatever nodes tell: what they tell is shown, nothing is shown that was neither told nor there before, the order is kept,
// and an instance that was there goes only if it is not among the missing.
func TestGuardShowsAllThatIsToldAndInventsNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := guard{share: rapid.Float64Range(0.01, 1).Draw(t, "share"), off: rapid.IntRange(0, 9).Draw(t, "off") == 0}
		now := time.Unix(0, 0)
		var believed []*Instance
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 15).Draw(t, "seconds")) * time.Second)
			if rapid.IntRange(0, 9).Draw(t, "settle") == 0 {
				g.settle(now, len(believed))
			}
			told := someInstances(t, 12, "told")
			fresh := rapid.Bool().Draw(t, "fresh")
			next, missing := g.judge(now, believed, told, fresh)
			if !slices.IsSortedFunc(next, byID) {
				t.Fatalf("out of order: %q", ids(next))
			}
			for _, i := range told {
				if !has(next, i.ID) {
					t.Fatalf("%s was told, and is not shown", i.ID)
				}
			}
			for _, i := range next {
				if !has(told, i.ID) && !has(missing, i.ID) {
					t.Fatalf("%s is shown, was not told, and is not among the missing", i.ID)
				}
			}
			for _, i := range missing {
				if !has(believed, i.ID) || has(told, i.ID) {
					t.Fatalf("%s is missing without having been there", i.ID)
				}
			}
			if g.doubts() != (len(missing) > 0) {
				t.Fatalf("doubt is %v with %d missing", g.doubts(), len(missing))
			}
			if float64(len(next)) < float64(len(believed))*(1-g.share) && !g.off {
				t.Fatalf("%d of %d are left at once, with a share of %v", len(next), len(believed), g.share)
			}
			if len(missing) > 0 && g.off {
				t.Fatal("it is off")
			}
			believed = next
		}
	})
}

func TestGuardTable(t *testing.T) {
	t.Parallel()
	list := func(n int) (out []*Instance) {
		for i := range n {
			out = append(out, &Instance{ID: fmt.Sprintf("i%02d", i)})
		}
		return out
	}
	for _, tc := range []struct {
		name     string
		believed int
		told     []int // one after the other, a second apart
		fresh    bool
		missing  int
	}{
		{"nothing before", 0, []int{0}, true, 0},
		{"half", 10, []int{5}, false, 0},
		{"more than half", 10, []int{4}, false, 6},
		{"more than half, little by little", 10, []int{8, 6, 4}, false, 2},
		{"the only one", 1, []int{0}, false, 1},
		{"one of two", 2, []int{1}, false, 0},
		{"all back", 10, []int{0, 10}, false, 0},
		{"half of them back, which settles nothing", 10, []int{0, 6}, false, 4},
		{"one, told by a stranger", 10, []int{9}, true, 1},
		{"none, told by a stranger", 10, []int{10}, true, 0},
		{"more, told by a stranger", 10, []int{12}, true, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			g := guard{share: 0.5}
			believed, now := list(tc.believed), time.Unix(0, 0)
			var missing []*Instance
			for _, n := range tc.told {
				believed, missing = g.judge(now, believed, list(n), tc.fresh)
				now = now.Add(time.Second)
			}
			if len(missing) != tc.missing {
				t.Errorf("%d are missing, want %d", len(missing), tc.missing)
			}
		})
	}
}

func TestListsAreComparedById(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := someInstances(t, 10, "a"), someInstances(t, 10, "b")
		missing := lacking(a, b)
		for i := range 10 {
			id := fmt.Sprintf("i%02d", i)
			if has(missing, id) != (has(a, id) && !has(b, id)) {
				t.Fatalf("%s: %q without %q is %q", id, ids(a), ids(b), ids(missing))
			}
		}
		if got := union(b, missing); !slices.IsSortedFunc(got, byID) || len(got) != len(b)+len(missing) {
			t.Fatalf("%q with %q is %q", ids(b), ids(missing), ids(got))
		}
	})
}
