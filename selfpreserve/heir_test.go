package selfpreserve

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func names(n int) []string {
	s := make([]string, n)
	for i := range s {
		s[i] = fmt.Sprintf("node-%d", i)
	}
	return s
}

func TestHeirsAreTheSameInEveryProcessAndVersion(t *testing.T) {
	want := map[string]string{"payments/1": "node-4", "payments/2": "node-0", "": "node-0"}
	for key, heir := range want {
		if got := Heir(key, names(5)); got != heir {
			t.Errorf("heir of %q is %q, want %q", key, got, heir)
		}
	}
	if Heir("x", nil) != "" || Heir("x", []string{"only"}) != "only" {
		t.Error("wrong for none or one")
	}
}

func TestHeirsAreBalanced(t *testing.T) {
	const keys = 20_000
	for _, n := range []int{2, 3, 10, 50} {
		count := map[string]int{}
		for i := range keys {
			count[Heir(fmt.Sprintf("default/service-%d/instance-%d", i%97, i), names(n))]++
		}
		for m, c := range count {
			// The deviation of a fair draw is below the root of the mean: five of them.
			if mean := float64(keys) / float64(n); (float64(c)-mean)*(float64(c)-mean) > 25*mean {
				t.Errorf("%d members: %s has %d, mean %.0f", n, m, c, mean)
			}
		}
	}
}

func TestOnlyTheKeysOfWhoeverComesOrGoesMove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,8}`), 2, 12, rapid.ID).Draw(t, "members")
		gone := rapid.SampledFrom(members).Draw(t, "gone")
		key := rapid.String().Draw(t, "key")
		left := slices.DeleteFunc(slices.Clone(members), func(m string) bool { return m == gone })
		before, after := Heir(key, members), Heir(key, left)
		if before != gone && after != before {
			t.Fatalf("%q moved from %q to %q when %q left", key, before, after, gone)
		}
		slices.Sort(members)
		if Heir(key, members) != before {
			t.Fatal("the order of members matters")
		}
	})
}
