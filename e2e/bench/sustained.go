package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/musterhq/muster/e2e/bench/measure"
)

// lateLimit is the p99 beyond which a rate is not sustained.
const lateLimit = 50 * time.Millisecond

// rateSteps are the rates that are tried, in writes a second over all nodes.
var rateSteps = []float64{100, 250, 500, 1000, 2000, 3500, 5000, 7500, 10_000, 15_000, 20_000}

// sustained measures how many writes a second keep arriving in time.
func sustained(ctx context.Context, o options, r *result) error {
	for _, n := range o.nodeCounts(10, 30, 100) {
		if !strings.Contains("real sockets", o.only) {
			break
		}
		if err := sustainReal(ctx, o, r, n); err != nil {
			return fmt.Errorf("%d nodes: %w", n, err)
		}
	}
	if !strings.Contains("virtual time", o.only) {
		return nil
	}
	return sustainVirtual(ctx, o, r)
}

// sustainReal steps up the rate on real sockets until writes are late, get lost, or cannot even be made.
func sustainReal(ctx context.Context, o options, r *result, n int) error {
	a := newArrivals(n)
	c, err := startCluster(ctx, n, o.loss, a)
	if err != nil {
		return err
	}
	defer c.close()                            //nolint:contextcheck // To close needs no time.
	rng := rand.New(rand.NewPCG(uint64(n), 7)) //nolint:gosec // Any nodes do.
	best, next := 0.0, 0
	for _, rate := range rateSteps {
		t, err := usualTurn(min(o.rounds, 3), func() (*turn, error) {
			t, err := spreadWrites(ctx, c, a, rng, next, rate, o.turn()/2)
			if err == nil {
				next += t.made
			}
			return t, err
		})
		if err != nil {
			return err
		}
		where := fmt.Sprintf("N=%d, %s/s, real sockets", n, amount(rate, ""))
		p99 := t.took.At(0.99)
		perNode := float64(t.traffic.bytes) / float64(n) / t.seconds / 1e3
		r.add(where, "p50", "ms", measure.Millis(t.took.At(0.5)))
		r.add(where, "p99", "ms", measure.Millis(p99))
		r.add(where, "sent by a node", "kB/s", perNode)
		r.add(where, "copies received by a node", "", t.copies())
		r.add(where, "never arrived, of a million", "", 1e6*(1-t.arrived()))
		r.add(where, "CPU", "cores", t.cpu.Seconds()/t.seconds)
		good := p99 <= lateLimit && t.late <= 0 && t.rate() > 0.95*rate
		if good {
			best = rate
		}
		if n == 30 && rate == 1000 {
			r.atMost("p99 at 30 nodes and 1,000 deltas/s of 100 B, real sockets", "ms", measure.Millis(p99), 50)
			r.atMost("sent by a node, likewise", "kB/s", perNode, 130)
		}
		if n == 10 && rate == 5000 {
			r.atMost("p99 at 10 nodes and 5,000 deltas/s, real sockets", "ms", measure.Millis(p99), 50)
		}
		if !good {
			break
		}
	}
	where := fmt.Sprintf("N=%d, real sockets", n)
	r.beside(where, "deltas sustained", "/s", best, "memberlist's queue, by its formula", queueCapacity(n, deltaBytes))
	switch n {
	case 10:
		r.atLeast("deltas sustained at 10 nodes, real sockets", "/s", best, 5000)
	case 30:
		r.atLeast("deltas sustained at 30 nodes, real sockets", "/s", best, 1000)
	}
	return nil
}

// usualTurn makes some turns and returns the one whose p99 is the median: a machine that was busy with something else for
// a moment does not decide. What got lost in any of them counts.
func usualTurn(turns int, run func() (*turn, error)) (*turn, error) {
	all := make([]*turn, turns)
	late := int64(0)
	for i := range all {
		t, err := run()
		if err != nil {
			return nil, err
		}
		all[i] = t
		late += max(t.late, 0)
	}
	slices.SortFunc(all, func(a, b *turn) int { return cmp.Compare(a.took.At(0.99), b.took.At(0.99)) })
	usual := all[(turns-1)/2]
	usual.late = late
	return usual, nil
}

// sustainVirtual measures a steady rate in virtual time, where any number of nodes has a processor each.
func sustainVirtual(ctx context.Context, o options, r *result) error {
	const rate = 1000
	late := curve{
		Name: "p99 at 1,000 deltas a second, virtual time", X: "nodes", Y: "ms",
		ModelText: fmt.Sprintf("hops of the tree times the longest delay of the network, %v, and of a node, %v", virtualLongest, virtualWork),
	}
	bytes := curve{
		Name: "sent by a node at 1,000 deltas a second, virtual time", X: "nodes", Y: "kB/s",
		ModelText: "each delta once to each node, in a frame of its own",
	}
	counts := o.nodeCounts(3, 10, 30, 100, 300)
	for _, n := range counts {
		v, err := newVirtual(ctx, uint64(n), n, o.loss)
		if err != nil {
			return err
		}
		t, err := v.sustain(ctx, rate, o.turn())
		if err != nil {
			return fmt.Errorf("%d nodes in virtual time: %w", n, err)
		}
		where := fmt.Sprintf("N=%d, %s/s, virtual time", n, amount(rate, ""))
		p99 := measure.Millis(t.took.At(0.99))
		perNode := float64(t.traffic.bytes) / float64(n) / t.seconds / 1e3
		r.add(where, "p50", "ms", measure.Millis(t.took.At(0.5)))
		r.add(where, "p99", "ms", p99)
		r.add(where, "max", "ms", measure.Millis(t.took.At(1)))
		r.add(where, "sent by a node", "kB/s", perNode)
		r.add(where, "copies received by a node", "", t.copies())
		r.add(where, "never arrived, of a million", "", 1e6*(1-t.arrived()))
		x := float64(n)
		late.Seen = append(late.Seen, point{x, p99})
		late.Model = append(late.Model, point{x, treeHops(n) * measure.Millis(virtualLongest+virtualWork)})
		bytes.Seen = append(bytes.Seen, point{x, perNode})
		bytes.Model = append(bytes.Model, point{x, rate * float64(n-1) / x * float64(deltaBytes+frameOverhead) / 1e3})
		if n == 100 && o.loss == 0 {
			r.atMost("p99 at 100 nodes and 1,000 deltas/s of 100 B, virtual time", "ms", p99, 50)
			r.atMost("sent by a node, likewise", "kB/s", perNode, 130)
			r.atMost("never arrived, likewise", "", float64(t.late), 0)
		}
	}
	r.Curves = append(r.Curves, late, bytes)
	return nil
}

// queueCapacity is how many writes of that size memberlist's queue carries in a second, over all nodes: the packets that a
// node sends, times the messages that fit into one, over how often each is sent. It was found to hold by measurement.
func queueCapacity(n, size int) float64 {
	const gossipNodes, gossipInterval, probePackets, packet, perMessage, retransmit = 3, 0.2, 2, 1400 - 2, 3, 4
	limit := 0.0
	for m := 1; m < n+1; m *= 10 {
		limit++
	}
	return (gossipNodes/gossipInterval + probePackets) * float64(packet/(size+perMessage)) / (retransmit * limit)
}
