package main

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/e2e/bench/measure"
)

// gcArg is a node of that many instances under renewals for that long.
type gcArg struct {
	Instances int
	Seconds   float64
}

// gcDone is what the collector did meanwhile.
type gcDone struct {
	Renewals float64 // a second
	Refused  int
	Cycles   uint64
	// Usual and Longest are the median and the longest pause.
	Usual, Longest time.Duration
	// Cost is the CPU time of one collection, Heap the live bytes, Garbage the bytes allocated in a second.
	Cost          time.Duration
	Heap, Garbage float64
	Cores         float64 // CPU seconds a second, of the whole process, collections that were not due left out
}

// gcRenewals is how many leases are renewed in a second.
const gcRenewals = 20_000

const (
	// gcTurns is how many turns are measured, and gcEvery how often in a turn a collection is started, so that there are
	// pauses to look at: by itself the runtime would hardly collect meanwhile.
	gcTurns = 5
	gcEvery = 1
	// gcIdle is how often the runtime collects at least.
	gcIdle = 2 * time.Minute
)

// interval is how often the runtime collects by itself: when as much has been allocated as is live, and every two minutes.
func (d *gcDone) interval() time.Duration {
	if d.Garbage*gcIdle.Seconds() < d.Heap {
		return gcIdle
	}
	return time.Duration(d.Heap / d.Garbage * float64(time.Second))
}

// collector measures what the garbage collector costs a node with up to a million instances under renewals: what one
// collection costs while leases are renewed, and how often there is one.
func collector(ctx context.Context, o options, r *result) error {
	cores := float64(r.Conditions.Cores)
	c := curve{Name: "garbage collection", X: "instances", Y: "ms of CPU", ModelText: "proportional to the instances, from the second size"}
	for _, n := range sizes(o, 1000, 10_000, 100_000, 1_000_000) {
		var d gcDone
		if err := o.once(ctx, "gc", gcArg{n, o.seconds * gcTurns}, &d); err != nil {
			return err
		}
		where := amount(float64(n), "")
		every := d.interval().Seconds()
		share := 100 * d.Cost.Seconds() / every / cores
		r.add(where, "renewals", "/s", d.Renewals)
		r.add(where, "allocated", "kB/s", d.Garbage/1e3)
		r.add(where, "a collection every", "s", every)
		r.add(where, "CPU of a collection", "ms", measure.Millis(d.Cost))
		r.add(where, "collector, of the machine's CPU", "%", share)
		r.add(where, "CPU of the rest", "cores", d.Cores)
		r.add(where, "usual pause", "ms", measure.Millis(d.Usual))
		r.add(where, "longest pause", "ms", measure.Millis(d.Longest))
		c.Seen = append(c.Seen, point{float64(n), measure.Millis(d.Cost)})
		if n == o.size(1_000_000) {
			r.atLeast("renewals that were made, at 1,000,000 instances", "/s", d.Renewals, 0.99*gcRenewals)
			r.atMost("longest pause at 1,000,000 instances and 20,000 renewals/s", "ms", measure.Millis(d.Longest), 1)
			r.atMost("collector's share of the machine's CPU, likewise", "%", share, 10)
		}
	}
	c.proportional()
	r.Curves = append(r.Curves, c)
	return nil
}

// collectorChild renews leases at a steady rate.
func collectorChild(ctx context.Context, raw json.RawMessage, l *line) error {
	var arg gcArg
	if err := json.Unmarshal(raw, &arg); err != nil {
		return err
	}
	node, err := muster.Start(ctx, muster.Config{Node: "n1"})
	if err != nil {
		return err
	}
	defer func() { _ = node.Close() }() //nolint:contextcheck // To close needs no time; what it says comes too late.
	if err := fill(ctx, node, 0, arg.Instances); err != nil {
		return err
	}
	measure.Heap()
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // Any instances do.
	keys := make([]muster.Key, 8192)
	for i := range keys {
		n := rng.IntN(arg.Instances)
		keys[i] = muster.Key{Namespace: muster.DefaultNamespace, Service: serviceName(n), ID: instanceID(n)}
	}
	var d gcDone
	turn, cancel := context.WithTimeout(ctx, time.Duration(arg.Seconds*float64(time.Second)))
	defer cancel()
	collecting := make(chan int, 1)
	before, cpu, begin := measure.ReadGC(), measure.SelfCPU(), time.Now()
	allocated := allocatedBytes()
	go func() {
		collecting <- pace(turn, gcEvery*gcTurns/arg.Seconds, func(int) { d.Heap = float64(measure.Heap()) })
	}()
	made := pace(turn, gcRenewals, func(n int) {
		if node.Renew(ctx, keys[n%len(keys)]) != nil {
			d.Refused++
		}
	})
	paced := time.Since(begin).Seconds()
	<-collecting // The last collection outlives the turn, in which no lease is renewed any more.
	seconds := time.Since(begin).Seconds()
	used := measure.SelfCPU() - cpu
	d.Garbage = float64(allocatedBytes()-allocated) / seconds
	d.Heap = float64(measure.Heap()) // And what the collections before it cost is accounted for.
	g := measure.ReadGC().Since(before)
	d.Cycles, d.Usual, d.Longest = g.Cycles, g.Pause(0.5), g.Pause(1)
	d.Cost = g.CPU / time.Duration(max(g.Cycles, 1))
	d.Cores = max(0, (used-g.CPU).Seconds()/seconds)
	d.Renewals = float64(made-d.Refused) / paced
	return l.say(d)
}

func allocatedBytes() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
