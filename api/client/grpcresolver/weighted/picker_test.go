package weighted

import (
	"math"
	"testing"

	"google.golang.org/grpc/balancer"
	"pgregory.net/rapid"
)

// counter is a child that counts what it is picked for.
type counter struct{ n int }

func (c *counter) Pick(balancer.PickInfo) (balancer.PickResult, error) {
	c.n++
	return balancer.PickResult{}, nil
}

// In every row of calls, wherever it begins, each has its share, but for a few. The theorem's bound is of the order of the
// logarithm of the row's length; for the golden ratio it is small.
func TestEachHasItsShareOfAnyRowOfCalls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shares := rapid.SliceOfN(rapid.IntRange(1, 65535), 1, 50).Draw(t, "shares")
		calls := rapid.IntRange(1, 5000).Draw(t, "calls")
		p := &picker{turn: &turn{}}
		p.turn.n.Store(rapid.Uint64().Draw(t, "begin"))
		counters := make([]*counter, len(shares))
		total := 0
		for n, share := range shares {
			counters[n] = &counter{}
			p.add(counters[n], uint64(share))
			total += share
		}
		for range calls {
			if _, err := p.Pick(balancer.PickInfo{}); err != nil {
				t.Fatal(err)
			}
		}
		for n, c := range counters {
			want := float64(calls) * float64(shares[n]) / float64(total)
			if off := math.Abs(float64(c.n) - want); off > 2+math.Log(float64(calls)) {
				t.Errorf("%d of %d calls for a share of %d in %d: %.1f off", c.n, calls, shares[n], total, off)
			}
		}
	})
}

// Among equals nobody is ever more than a call ahead or behind.
func TestEqualsTakeTurns(t *testing.T) {
	p := &picker{turn: &turn{}}
	counters := []*counter{{}, {}, {}}
	for _, c := range counters {
		p.add(c, 100)
	}
	for round := range 100 {
		for range 3 {
			_, _ = p.Pick(balancer.PickInfo{})
		}
		for n, c := range counters {
			if math.Abs(float64(c.n-round-1)) > 1 {
				t.Fatalf("after %d rounds number %d had %d", round+1, n, c.n)
			}
		}
	}
}

func TestWithNobodyReadyACallWaits(t *testing.T) {
	p := &picker{turn: &turn{}}
	if _, err := p.Pick(balancer.PickInfo{}); err != balancer.ErrNoSubConnAvailable { //nolint:errorlint // gRPC compares it so.
		t.Errorf("%v, want %v", err, balancer.ErrNoSubConnAvailable)
	}
}

func BenchmarkPick(b *testing.B) {
	p := &picker{turn: &turn{}}
	for n := range 1000 {
		p.add(&counter{}, uint64(n%7)+1)
	}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = p.Pick(balancer.PickInfo{})
	}
}
