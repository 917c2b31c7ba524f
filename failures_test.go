package muster

import (
	"maps"
	"testing"
	"time"
)

func TestFailuresAreForgottenAfterTheWindowAndBounded(t *testing.T) {
	var l failureLog
	want := func(now time.Duration, counts map[string]int) {
		t.Helper()
		if got := l.within(now); !maps.Equal(got, counts) {
			t.Errorf("at %v: %v, want %v", now, got, counts)
		}
	}
	want(0, map[string]int{})
	l.note("a", 0)
	l.note("a", 6*time.Minute)
	l.note("b", 7*time.Minute)
	want(8*time.Minute, map[string]int{"a": 2, "b": 1})
	want(11*time.Minute, map[string]int{"a": 1, "b": 1})
	want(17*time.Minute, map[string]int{"b": 1})
	want(18*time.Minute, map[string]int{})
	for range 3 * maxFailures {
		l.note("c", 20*time.Minute)
	}
	want(20*time.Minute, map[string]int{"c": maxFailures})
}
