package selfpreserve

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTimersComeInTheOrderOfTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q timers[int]
		var want []Instant
		for i, op := range rapid.SliceOf(rapid.IntRange(0, 9)).Draw(t, "ops") {
			at := time.Duration(rapid.IntRange(0, 50).Draw(t, "at"))
			switch {
			case op < 6 || len(want) == 0:
				q.push(at, i)
				want = append(want, at)
			case op == 6:
				if got := q.pop().at; got != want[0] {
					t.Fatalf("popped %v, want %v", got, want[0])
				}
				want = want[1:]
			case op == 7:
				at += want[0]
				q.postpone(at)
				want[0] = at
			default:
				q.keep(func(e timer[int]) bool { return e.at%2 == 0 })
				want = slices.DeleteFunc(want, func(at Instant) bool { return at%2 != 0 })
			}
			slices.Sort(want)
			if len(q) != len(want) || len(want) > 0 && q.top() != want[0] {
				t.Fatalf("%d entries, first at %v, want %v", len(q), q.top(), want)
			}
		}
		for _, at := range want {
			if got := q.pop().at; got != at {
				t.Fatalf("popped %v, want %v", got, at)
			}
		}
		if q.top() != never {
			t.Fatal("something is left")
		}
	})
}
