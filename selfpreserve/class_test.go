package selfpreserve

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestClassesDivideDurationsWithoutGaps(t *testing.T) {
	for c := range lastClass {
		up := c.upper()
		if classOf(up-1) != c || classOf(up) != c+1 {
			t.Fatalf("class %d ends at %v, but that is between %d and %d", c, up, classOf(up-1), classOf(up))
		}
	}
	if lastClass.upper() != never || classOf(never) != lastClass || classOf(-1) != 0 {
		t.Fatal("wrong at the ends")
	}
}

// Four classes to an octave: what renews every half TTL is judged, when it expires, with all of its class.
func TestAClassHasShownByTheTimeItsLeasesExpire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ttl := time.Duration(rapid.Int64Range(int64(8*time.Millisecond), int64(100*time.Hour)).Draw(t, "ttl"))
		l := lease[string]{ttl: ttl, interval: ttl / 2}
		c := classOf(l.overdue())
		if last, ok := shown(ttl); !ok || last < c {
			t.Fatalf("TTL %v: class %d, but %d is the last to have shown", ttl, c, last)
		}
	})
}

func TestWhatHasShownIsWhatHasHadTheTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := time.Duration(rapid.Int64Range(0, int64(1000*time.Hour)).Draw(t, "silence"))
		c, ok := shown(s)
		switch {
		case !ok && classOf(0).upper() <= s, ok && c.upper() > s, ok && (c+1).upper() <= s:
			t.Fatalf("after %v: %d (%v) has shown", s, c, ok)
		}
	})
}
