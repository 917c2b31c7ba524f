package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/musterhq/muster/e2e/bench/measure"
)

// propagationRate is how many writes there are in a second: few enough for memberlist's queue at any size.
const propagationRate = 5

// propagationTurn is the shortest turn: two writes.
const propagationTurn = 2 * time.Second / propagationRate

// nodeCounts are the sizes of clusters.
func (o options) nodeCounts(usual ...int) []int {
	if o.nodes > 0 {
		return []int{o.nodes}
	}
	return usual
}

// propagation measures one write until every node has it.
func propagation(ctx context.Context, o options, r *result) error {
	c := curve{
		Name: "propagation p99", X: "nodes", Y: "ms",
		ModelText: "hops of the tree times the time that a node takes to send to its children one after the other, " +
			"of which one costs what the smallest cluster says",
	}
	for _, n := range o.nodeCounts(3, 10, 30, 100) {
		p99, err := propagate(ctx, o, r, n)
		if err != nil {
			return fmt.Errorf("%d nodes: %w", n, err)
		}
		c.Seen = append(c.Seen, point{float64(n), p99})
		first := c.Seen[0]
		c.Model = append(c.Model, point{float64(n), first.Y / sendsInARow(int(first.X)) * sendsInARow(n)})
	}
	r.Curves = append(r.Curves, c)
	return nil
}

// flatMax and fanout are the replication engine's defaults: up to how many others a writer sends to itself, and to how
// many otherwise.
const (
	flatMax = 64
	fanout  = 6
)

// sendsInARow is how many packets go out one after the other, on all hops together, until the last of n nodes has a write.
func sendsInARow(n int) float64 {
	if n-1 <= flatMax {
		return float64(n - 1)
	}
	return fanout * treeHops(n)
}

// propagate measures one size and returns p99 in milliseconds.
func propagate(ctx context.Context, o options, r *result, n int) (_ float64, err error) {
	type side struct {
		name string
		s    spreader
		a    *arrivals
		rng  *rand.Rand
		next int
		all  measure.Durations
		late int64
		sum  turn
	}
	sides := make([]*side, 3)
	defer func() {
		for _, s := range sides {
			if s != nil && s.s != nil {
				s.s.close()
			}
		}
	}()
	for i, name := range []string{"muster", "memberlist's queue", "the same, 50 ms ticks"} {
		s := &side{name: name, a: newArrivals(n), rng: rand.New(rand.NewPCG(uint64(n), 7))} //nolint:gosec // Any nodes do.
		sides[i] = s
		switch i {
		case 0:
			if c, bad := startCluster(ctx, n, o.loss, s.a); bad == nil {
				s.s = c
			} else {
				err = bad
			}
		default:
			interval := time.Duration(i-1) * 50 * time.Millisecond // 0 is the default.
			if c, bad := startQueueCluster(ctx, n, o.loss, interval, s.a); bad == nil {
				s.s = c
			} else {
				err = bad
			}
		}
		if err != nil {
			return 0, err
		}
	}
	runs := make([]func(int) (float64, error), len(sides))
	for i, s := range sides {
		runs[i] = func(int) (float64, error) {
			t, err := spreadWrites(ctx, s.s, s.a, s.rng, s.next, propagationRate, max(propagationTurn, o.turn()))
			if err != nil {
				return 0, err
			}
			if t.took.Len() == 0 {
				return 0, errors.New(s.name + ": nothing has arrived")
			}
			s.next += t.made
			s.late += t.late
			s.sum.made += t.made
			s.sum.traffic.bytes += t.traffic.bytes
			s.sum.traffic.copies += t.traffic.copies
			s.sum.traffic.fresh += t.traffic.fresh
			s.all.Add(t.took.All()...)
			return measure.Millis(t.took.At(0.99)), nil
		}
	}
	p99s, err := measure.Rounds(o.rounds, runs...)
	if err != nil {
		return 0, err
	}
	where := fmt.Sprintf("N=%d", n)
	if o.loss > 0 {
		where += fmt.Sprintf(", %g%% loss", 100*o.loss)
	}
	us := sides[0]
	ratio := 0.0
	for i, s := range sides[1:] {
		for _, p := range []struct {
			name  string
			share float64
		}{{"p50", 0.5}, {"p99 of all", 0.99}, {"max", 1}} {
			r.beside(where, p.name, "ms", measure.Millis(us.all.At(p.share)), s.name, measure.Millis(s.all.At(p.share)))
		}
		q := r.rounds(where, "p99", "ms", p99s[0], s.name, p99s[i+1])
		if i == 0 {
			ratio = q
		}
		r.beside(where, "copies received by a node", "", us.sum.copies(), s.name, s.sum.copies())
		perWrite := func(s *side) float64 { return float64(s.sum.traffic.bytes) / float64(n) / float64(s.sum.made) }
		r.beside(where, "bytes sent by a node for a write, with all that it sends", "B", perWrite(us), s.name, perWrite(s))
		missing := func(s *side) float64 { return 1e6 * float64(s.late) / float64(s.all.Len()+int(s.late)) }
		r.beside(where, "never arrived, of a million", "", missing(us), s.name, missing(s))
	}
	if n == 100 && o.loss == 0 {
		r.atMost("p99 at 100 nodes, beside memberlist's queue in the same run", "x", ratio, 1./30)
		r.atMost("copies of a write that a node receives, 100 nodes", "", us.sum.copies(), 1.1)
		r.atMost("writes that never arrive", "", float64(us.late), 0)
	}
	return measure.Median(p99s[0]), nil
}
