package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/e2e/bench/measure"
	"github.com/musterhq/muster/gossip/spread"
)

// memberDone is what a change of the membership takes, in milliseconds by round: a peer that comes, one without leases
// that fails, and beside it a bare walk over all instances.
type memberDone struct{ Up, Down, Walk []float64 }

// memberArg is a node of that many instances.
type memberArg struct{ Instances, Rounds int }

// member measures for how long a node is busy with a member that comes or goes: its writers wait for that long.
func member(ctx context.Context, o options, r *result) error {
	c := curve{Name: "a member comes", X: "instances", Y: "ms", ModelText: "proportional to the instances, from the second size"}
	for _, n := range sizes(o, 1000, 10_000, 100_000, 1_000_000) {
		var d memberDone
		if err := o.once(ctx, "member", memberArg{n, o.rounds}, &d); err != nil {
			return err
		}
		where := amount(float64(n), "")
		r.rounds(where, "a member comes", "ms", d.Up, "walk over all instances", d.Walk)
		r.rounds(where, "a member fails that holds no lease", "ms", d.Down, "walk over all instances", d.Walk)
		c.Seen = append(c.Seen, point{float64(n), measure.Median(d.Up)})
	}
	c.proportional()
	r.Curves = append(r.Curves, c)
	return nil
}

// memberChild drives a replica without a shell, so that nothing else is timed.
func memberChild(_ context.Context, raw json.RawMessage, l *line) error {
	var arg memberArg
	if err := json.Unmarshal(raw, &arg); err != nil {
		return err
	}
	now := time.Duration(0)
	moment := func() muster.Moment { return muster.Moment{Mono: now, Wall: time.Unix(1_800_000_000, 0).Add(now)} }
	rep, err := muster.NewReplica(muster.ReplicaConfig{
		Name: "n1", Datacenter: "dc1", Incarnation: 1, Preserve: muster.DefaultPreserve(),
		Rand: rand.New(rand.NewPCG(1, 2)), //nolint:gosec // Runs that repeat.
	}, moment())
	if err != nil {
		return err
	}
	settle := func() {
		now += 100 * time.Millisecond // Longer than changes of the membership are gathered.
		rep.Tick(moment())
		rep.Flush(moment())
		rep.TakeOutbound()
		rep.TakeEvents()
	}
	for i := range arg.Instances {
		inst := typical(i)
		if _, _, err := rep.Register(moment(), &inst, false); err != nil {
			return err
		}
		if i%1000 == 0 {
			settle()
		}
	}
	settle()
	timed := func(f func()) float64 {
		measure.Heap() // Not while it is timed.
		begin := time.Now()
		f()
		return measure.Millis(time.Since(begin))
	}
	var d memberDone
	for round := range arg.Rounds {
		m := spread.Member{ID: fmt.Sprintf("dc1/peer%d", round)}
		d.Up = append(d.Up, timed(func() { rep.MemberUp(moment(), m); settle() }))
		d.Down = append(d.Down, timed(func() { rep.MemberDown(moment(), m, false); settle() }))
		count := 0
		d.Walk = append(d.Walk, timed(func() {
			for _, v := range rep.Catalog().Services().Services {
				for _, inst := range v.Instances() {
					count += len(inst.Home)
				}
			}
		}))
		if count == 0 {
			return fmt.Errorf("nothing to walk over among %d instances", arg.Instances)
		}
	}
	return l.say(d)
}
