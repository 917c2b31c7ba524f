package main

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/e2e/bench/measure"
)

// memoryArg is a node of that many instances. Distinct ones have metadata that no other has.
type memoryArg struct {
	Instances int
	Distinct  bool
}

// memoryDone is what a node of one size needs.
type memoryDone struct {
	// Empty and Full are the live bytes on the heap without and with the instances; Resident the process's memory a
	// while after they were registered.
	Empty, Full uint64
	Resident    measure.Resident
	// Strings is what the strings of the instances hold, Encoded what their records have on the wire.
	Strings, Encoded int
}

// memory measures what a node needs for its instances, each size in a process of its own.
func memory(ctx context.Context, o options, r *result) error {
	c := curve{
		Name: "heap", X: "instances", Y: "MB",
		ModelText: "proportional to the instances, from the smallest size",
	}
	const mb = 1e6
	for _, n := range sizes(o, 1000, 10_000, 100_000, 1_000_000) {
		var d memoryDone
		if err := o.once(ctx, "memory", memoryArg{Instances: n}, &d); err != nil {
			return err
		}
		where := amount(float64(n), "")
		heap := float64(d.Full - d.Empty)
		per, inStrings, encoded := heap/float64(n), float64(d.Strings)/float64(n), float64(d.Encoded)/float64(n)
		r.beside(where, "heap for an instance", "B", per, "encoded", encoded)
		r.beside(where, "heap for an instance, in all", "B", per, "its strings", inStrings)
		r.add(where, "heap for an instance, beyond its strings", "B", per-inStrings)
		r.add(where, "heap", "MB", float64(d.Full)/mb)
		r.add(where, "resident", "MB", float64(d.Resident.Now)/mb)
		r.add(where, "resident, peak", "MB", float64(d.Resident.Peak)/mb)
		c.Seen = append(c.Seen, point{float64(n), heap / mb})
		c.Model = append(c.Model, point{float64(n), c.Seen[0].Y / c.Seen[0].X * float64(n)})
		switch n {
		case o.size(100_000):
			r.atMost("resident memory of a node with 100,000 instances", "MB", float64(d.Resident.Now)/mb, 150)
		case o.size(1_000_000):
			r.atMost("heap for an instance at 1,000,000, beyond its strings", "B", per-inStrings, 700)
			r.atMost("heap for an instance at 1,000,000, in all", "B", per, 1500)
		}
	}
	r.Curves = append(r.Curves, c)
	// A fleet of which no two instances say the same has nothing to share.
	n := o.size(100_000)
	var d memoryDone
	if err := o.once(ctx, "memory", memoryArg{Instances: n, Distinct: true}, &d); err != nil {
		return err
	}
	where := amount(float64(n), "") + ", no two alike"
	per, inStrings := float64(d.Full-d.Empty)/float64(n), float64(d.Strings)/float64(n)
	r.beside(where, "heap for an instance, in all", "B", per, "its strings", inStrings)
	r.add(where, "heap for an instance, beyond its strings", "B", per-inStrings)
	r.add(where, "resident", "MB", float64(d.Resident.Now)/mb)
	return nil
}

// memorySettle is how long the runtime has to give back what a registration's garbage held.
const memorySettle = time.Second

// memoryChild registers instances and looks at itself.
func memoryChild(ctx context.Context, raw json.RawMessage, l *line) error {
	var arg memoryArg
	if err := json.Unmarshal(raw, &arg); err != nil {
		return err
	}
	n, put := arg.Instances, fill
	var d memoryDone
	d.Strings, d.Encoded = sizesOf(n, "dc1/n1")
	if arg.Distinct {
		d.Strings += n * distinctBytes
		put = fillDistinct
	}
	node, err := muster.Start(ctx, muster.Config{Node: "n1"})
	if err != nil {
		return err
	}
	defer func() { _ = node.Close() }() //nolint:contextcheck // To close needs no time; what it says comes too late.
	d.Empty = measure.Heap()
	if err := put(ctx, node, 0, n); err != nil {
		return err
	}
	d.Full = measure.Heap()
	// The runtime gives memory back at leisure.
	if err := pause(ctx, min(memorySettle, time.Duration(n)*memorySettle/10_000)); err != nil {
		return err
	}
	if d.Resident, err = measure.ReadResident(os.Getpid()); err != nil {
		return err
	}
	return l.say(d)
}
