package main

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/e2e/bench/measure"
)

// writesArg is a node of that many instances, and for how long each kind of write is made.
type writesArg struct {
	Instances int
	Seconds   float64
}

// writesDone is the CPU time of one write, in nanoseconds.
type writesDone struct{ Renew, Register, Map float64 }

// writes measures what a renewal and a registration cost a node in CPU time, by the number of instances that it holds:
// without HTTP, which costs more than either.
func writes(ctx context.Context, o options, r *result) error {
	renew := curve{Name: "renewal", X: "instances", Y: "ns of CPU", ModelText: "a Go map behind a mutex that has as many entries"}
	register := curve{Name: "registration", X: "instances", Y: "µs of CPU", ModelText: "the same at every size"}
	for _, n := range sizes(o, 1000, 10_000, 100_000, 1_000_000) {
		var d writesDone
		if err := o.once(ctx, "writes", writesArg{n, o.seconds}, &d); err != nil {
			return err
		}
		where, x := amount(float64(n), ""), float64(n)
		r.beside(where, "renewal, CPU", "ns", d.Renew, "map", d.Map)
		r.add(where, "registration of an instance that is there, CPU", "µs", d.Register/1e3)
		renew.Seen, renew.Model = append(renew.Seen, point{x, d.Renew}), append(renew.Model, point{x, d.Map})
		register.Seen = append(register.Seen, point{x, d.Register / 1e3})
		register.Model = append(register.Model, point{x, register.Seen[0].Y})
	}
	r.Curves = append(r.Curves, renew, register)
	return nil
}

// writesChild makes the writes.
func writesChild(ctx context.Context, raw json.RawMessage, l *line) error {
	var arg writesArg
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
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // Any instances do.
	instances := make([]muster.Instance, min(arg.Instances, 1<<14))
	for i := range instances {
		instances[i] = typical(rng.IntN(arg.Instances))
	}
	held := make(map[muster.Key]time.Duration, arg.Instances)
	for i := range arg.Instances {
		held[muster.Key{Namespace: muster.DefaultNamespace, Service: serviceName(i), ID: instanceID(i)}] = 0
	}
	measure.Heap()
	// each is the CPU time of one call of f, the collector's included.
	each := func(f func(inst *muster.Instance) error) (float64, error) {
		calls, cpu := 0, measure.SelfCPU()
		for end := time.Now().Add(time.Duration(arg.Seconds * float64(time.Second))); time.Now().Before(end); {
			for range 64 {
				if err := f(&instances[calls%len(instances)]); err != nil {
					return 0, err
				}
				calls++
			}
		}
		return float64((measure.SelfCPU() - cpu).Nanoseconds()) / float64(calls), nil
	}
	key := func(inst *muster.Instance) muster.Key {
		return muster.Key{Namespace: muster.DefaultNamespace, Service: inst.Service, ID: inst.ID}
	}
	var d writesDone
	var mu sync.Mutex
	if d.Map, err = each(func(inst *muster.Instance) error {
		mu.Lock()
		held[key(inst)]++
		mu.Unlock()
		return nil
	}); err != nil {
		return err
	}
	if d.Renew, err = each(func(inst *muster.Instance) error { return node.Renew(ctx, key(inst)) }); err != nil {
		return err
	}
	d.Register, err = each(func(inst *muster.Instance) error {
		_, _, err := node.Put(ctx, *inst)
		return err
	})
	if err != nil {
		return err
	}
	return l.say(d)
}
