package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/e2e/bench/measure"
)

// spreader is a cluster in which what is written at one node arrives at all the others: ours, or the other side's.
type spreader interface {
	// write makes the write with that number at a node. Its arrivals, that at the writer too, go to the arrivals that the
	// spreader was made with.
	write(node, number int) error
	// traffic is what all nodes together have sent, received as copies of writes, and received of them that was new.
	traffic() traffic
	nodes() int
	close()
}

// traffic is what all nodes of a cluster have sent and received since they started.
type traffic struct{ bytes, fresh, copies uint64 }

func (t traffic) since(u traffic) traffic {
	return traffic{t.bytes - u.bytes, t.fresh - u.fresh, t.copies - u.copies}
}

// arrivals is when writes were made and when they arrived. Numbers count from 0; only the latest writesKept are known.
type arrivals struct {
	begin   time.Time
	sent    [writesKept]atomic.Int64 // nanoseconds after begin, by number
	pending atomic.Int64

	mu   []sync.Mutex // one for each node
	took [][]time.Duration
}

// writesKept is how many writes may be under way at once, with a lot of room.
const writesKept = 1 << 17

func newArrivals(nodes int) *arrivals {
	return &arrivals{begin: time.Now(), mu: make([]sync.Mutex, nodes), took: make([][]time.Duration, nodes)}
}

// wrote says that a write begins now, which has to arrive at all nodes but its own.
func (a *arrivals) wrote(number int) {
	a.sent[number%writesKept].Store(int64(time.Since(a.begin)))
	a.pending.Add(int64(len(a.took) - 1))
}

// arrived says that a node other than the writer has a write.
func (a *arrivals) arrived(node, number int) {
	took := time.Since(a.begin) - time.Duration(a.sent[number%writesKept].Load())
	a.mu[node].Lock()
	a.took[node] = append(a.took[node], took)
	a.mu[node].Unlock()
	a.pending.Add(-1)
}

// take is all arrivals since the last call, and how many are missing, which are then forgotten.
func (a *arrivals) take() (*measure.Durations, int64) {
	var d measure.Durations
	for i := range a.took {
		a.mu[i].Lock()
		d.Add(a.took[i]...)
		a.took[i] = a.took[i][:0]
		a.mu[i].Unlock()
	}
	return &d, a.pending.Swap(0)
}

// turn is what a cluster did with writes at a steady rate.
type turn struct {
	made    int
	late    int64 // writes that were not everywhere in the end, counted by node
	took    *measure.Durations
	traffic traffic
	seconds float64       // of writing
	cpu     time.Duration // while it was written
}

// arrived is the share of pairs of a write and a node that it got to.
func (t *turn) arrived() float64 {
	n := float64(t.took.Len())
	return n / max(1, n+float64(max(t.late, 0)))
}

// copies is how often a node received each write.
func (t *turn) copies() float64 { return float64(t.traffic.copies) / float64(max(t.traffic.fresh, 1)) }

// rate is writes a second as they were made.
func (t *turn) rate() float64 { return float64(t.made) / t.seconds }

// patience is how long is waited for the last arrivals of a turn.
const patience = 4 * time.Second

// spreadWrites makes writes at random nodes, rate of them a second for a while, and waits until they are everywhere.
func spreadWrites(ctx context.Context, s spreader, a *arrivals, rng *rand.Rand, first int, rate float64, d time.Duration) (*turn, error) {
	a.take()
	before, cpu, begin := s.traffic(), measure.SelfCPU(), time.Now()
	writing, cancel := context.WithTimeout(ctx, d)
	var err error
	made := pace(writing, rate, func(n int) {
		if bad := s.write(rng.IntN(s.nodes()), first+n); bad != nil && err == nil {
			err = bad
		}
	})
	cancel()
	t := &turn{made: made, seconds: time.Since(begin).Seconds(), cpu: measure.SelfCPU() - cpu}
	if err != nil {
		return nil, err
	}
	late := until(ctx, patience, time.Millisecond, "all writes are everywhere", func() (bool, error) { return a.pending.Load() <= 0, nil })
	if late != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	t.traffic = s.traffic().since(before)
	t.took, t.late = a.take()
	return t, nil
}
