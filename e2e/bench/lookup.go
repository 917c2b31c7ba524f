package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/e2e/bench/measure"
)

// lookupArg is one size.
type lookupArg struct {
	Instances, Rounds int
	Seconds           float64
}

// lookupDone is nanoseconds a lookup by round, ours and the map's: while nothing is written, under backgroundWrites, and
// with as many readers as there are cores.
type lookupDone struct {
	// Quiet is of services at random, One of a single service, over and over.
	Quiet, One, Busy, Crowded [2][]float64
	AllocsOurs, AllocsMap     float64
	Writes                    [2]float64 // a second, as they came about
}

// backgroundWrites is how many instances are replaced in a second while lookups are timed.
const backgroundWrites = 10_000

// lookup measures lookups inside the process, at sizes up to a million instances, each in a process of its own.
func lookup(ctx context.Context, o options, r *result) error {
	c := curve{
		Name: "lookup", X: "instances", Y: "ns",
		ModelText: "a hash table: the same at any size, as long as its services' names fit the caches; drawn from the smallest size",
	}
	for _, n := range sizes(o, 10, 1000, 10_000, 100_000, 1_000_000) {
		var d lookupDone
		if err := o.once(ctx, "lookup", lookupArg{Instances: n, Rounds: o.rounds, Seconds: o.seconds / 10}, &d); err != nil {
			return err
		}
		where := amount(float64(n), "")
		quiet := measure.Median(d.Quiet[0])
		r.rounds(where, "lookup of services at random", "ns", d.Quiet[0], "map and RWMutex", d.Quiet[1])
		r.rounds(where, "lookup of one service, over and over", "ns", d.One[0], "map and RWMutex", d.One[1])
		r.rounds(where, "under 10,000 writes/s", "ns", d.Busy[0], "map and RWMutex", d.Busy[1])
		r.rounds(where, "by all cores at once", "ns", d.Crowded[0], "map and RWMutex", d.Crowded[1])
		r.beside(where, "allocations", "", d.AllocsOurs, "map and RWMutex", d.AllocsMap)
		r.add(where, "writes that were made", "/s", d.Writes[0])
		slowed := measure.MedianRatio(d.Busy[0], d.Quiet[0])
		r.add(where, "slowed by the writes", "x", slowed)
		c.Seen = append(c.Seen, point{float64(n), quiet})
		c.Model = append(c.Model, point{float64(n), c.Seen[0].Y})
		if n == o.size(100_000) {
			r.atMost("in-process lookup among 100,000 instances, of services at random", "ns", quiet, 30)
			r.atMost("allocations of a lookup", "", d.AllocsOurs, 0)
			r.atMost("slowed by 10,000 writes/s in the background", "x", slowed, 1.5)
		}
	}
	r.Curves = append(r.Curves, c)
	return nil
}

// sizes scales numbers of instances, and leaves out those that become the same.
func sizes(o options, of ...int) []int {
	for i := range of {
		of[i] = o.size(of[i])
	}
	return slices.Compact(of)
}

// registryMap is the other side: what one writes first, a map behind a lock.
type registryMap struct {
	mu sync.RWMutex
	m  map[string][]*muster.Instance
}

func (g *registryMap) lookup(service string) []*muster.Instance {
	g.mu.RLock()
	s := g.m[service]
	g.mu.RUnlock()
	return s
}

// put replaces an instance. Readers keep the slice that they got, so it is a new one each time.
func (g *registryMap) put(inst *muster.Instance) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := slices.Clone(g.m[inst.Service])
	i, found := slices.BinarySearchFunc(s, inst.ID, func(a *muster.Instance, id string) int { return cmp.Compare(a.ID, id) })
	if found {
		s[i] = inst
	} else {
		s = slices.Insert(s, i, inst)
	}
	g.m[inst.Service] = s
}

// lookupChild fills both registries and times lookups of services drawn at random.
func lookupChild(ctx context.Context, raw json.RawMessage, l *line) error {
	var arg lookupArg
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
	g := &registryMap{m: map[string][]*muster.Instance{}}
	for i := range arg.Instances {
		g.put(stored(i, "dc1/n1"))
	}
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // Any services do.
	names := make([]string, 4096)
	for i := range names {
		names[i] = serviceName(rng.IntN(arg.Instances))
	}
	ours := func(s string) int { return node.Lookup(s).Len() }
	theirs := func(s string) int { return len(g.lookup(s)) }
	puts := [2]func(i int){
		func(i int) { _, _, _ = node.Put(ctx, changed(i)) }, // It is as valid as before.
		func(i int) { inst := changed(i); g.put(&inst) },
	}
	turn := time.Duration(arg.Seconds * float64(time.Second))
	var d lookupDone
	var made [2]int
	var wrote [2]time.Duration
	quiet := func(names []string, f func(string) int) func(int) (float64, error) {
		return func(int) (float64, error) { return nanoseconds(names, turn, f) }
	}
	one := slices.Repeat(names[:1], len(names))
	busy := func(side int, f func(string) int) func(int) (float64, error) {
		return func(int) (float64, error) {
			stop := writeSteadily(ctx, arg.Instances, puts[side])
			begin := time.Now()
			v, err := nanoseconds(names, turn, f)
			made[side] += stop()
			wrote[side] += time.Since(begin)
			return v, err
		}
	}
	crowded := func(f func(string) int) func(int) (float64, error) {
		return func(int) (float64, error) { return crowd(names, turn, f) }
	}
	got, err := measure.Rounds(arg.Rounds,
		quiet(names, ours), quiet(names, theirs), quiet(one, ours), quiet(one, theirs),
		busy(0, ours), busy(1, theirs), crowded(ours), crowded(theirs))
	if err != nil {
		return err
	}
	d.Quiet, d.One, d.Busy, d.Crowded = [2][]float64(got[:2]), [2][]float64(got[2:4]), [2][]float64(got[4:6]), [2][]float64(got[6:])
	for side := range made {
		d.Writes[side] = float64(made[side]) / wrote[side].Seconds()
	}
	d.AllocsOurs, d.AllocsMap = allocations(names, ours), allocations(names, theirs)
	return l.say(d)
}

// changed is a typical instance with other metadata.
func changed(i int) muster.Instance {
	inst := typical(i)
	inst.Metadata["version"] = strconv.FormatInt(time.Now().UnixNano(), 36)
	return inst
}

// nanoseconds is what a call of f costs, in CPU time of the thread that makes it: what else the machine does meanwhile is
// not f's.
func nanoseconds(names []string, turn time.Duration, f func(string) int) (float64, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	sum, calls := 0, 0
	begin, cpu := time.Now(), measure.ThreadCPU()
	for time.Since(begin) < turn {
		for _, s := range names {
			sum += f(s)
		}
		calls += len(names)
	}
	used := measure.ThreadCPU() - cpu
	if sum == 0 || used == 0 {
		return 0, fmt.Errorf("%d lookups have found %d instances in %v", calls, sum, used)
	}
	return float64(used.Nanoseconds()) / float64(calls), nil
}

// crowd is what a call of f costs each of as many goroutines as there are cores.
func crowd(names []string, turn time.Duration, f func(string) int) (float64, error) {
	n := runtime.GOMAXPROCS(0)
	each, errs := make([]float64, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { each[i], errs[i] = nanoseconds(names, turn, f) })
	}
	wg.Wait()
	return measure.Median(each), errors.Join(errs...)
}

// allocations is how many a call of f makes.
func allocations(names []string, f func(string) int) float64 {
	var before, after runtime.MemStats
	for _, s := range names { // What the first call makes, later ones find.
		f(s)
	}
	runtime.ReadMemStats(&before)
	for range 16 {
		for _, s := range names {
			f(s)
		}
	}
	runtime.ReadMemStats(&after)
	// The runtime itself allocates now and then; a part of a thousandth is not f's.
	per := float64(after.Mallocs-before.Mallocs) / float64(16*len(names))
	if per < 0.001 {
		return 0
	}
	return per
}

// writeSteadily calls write backgroundWrites times a second, with instances in turn, until stopped; stop returns how
// often it did.
func writeSteadily(ctx context.Context, instances int, write func(i int)) (stop func() int) {
	ctx, cancel := context.WithCancel(ctx)
	made := make(chan int, 1)
	go func() { made <- pace(ctx, backgroundWrites, func(n int) { write(n * 7919 % instances) }) }()
	return func() int { cancel(); return <-made }
}
