package timeline_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/musterhq/muster/e2e/sim/timeline"
)

func TestEventsHappenInOrderOfTimeThenOfAddition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type entry struct {
			at time.Duration
			n  int
		}
		var q timeline.Queue
		var want, got []entry
		for n := range rapid.IntRange(0, 60).Draw(t, "events") {
			e := entry{time.Duration(rapid.IntRange(0, 9).Draw(t, "at")), n}
			want = append(want, e)
			q.Add(e.at, func() { got = append(got, e) })
		}
		slices.SortStableFunc(want, func(a, b entry) int { return int(a.at - b.at) })
		for {
			at, ok := q.Next()
			if !ok {
				break
			}
			q.Take()()
			if got[len(got)-1].at != at {
				t.Fatalf("Next said %v, Take gave %v", at, got[len(got)-1].at)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("happened %v, want %v", got, want)
		}
	})
}
