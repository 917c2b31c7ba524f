package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/catalog/wire"
	"github.com/musterhq/muster/e2e/bench/measure"
)

// joinArg is whom to join, and how many instances to wait for.
type joinArg struct {
	Seed      string
	Instances int
}

// joinDone is what it took.
type joinDone struct {
	Ready, CPU time.Duration
	// Decode is how long the bare decoding of as many records takes in this process.
	Decode         time.Duration
	Received, Sent uint64
	Heap           uint64
	Resident       measure.Resident
}

// join measures a new node, in a process of its own, until it is ready.
func join(ctx context.Context, o options, r *result) error {
	c := curve{Name: "join", X: "instances", Y: "s", ModelText: "proportional to the instances, from the second size"}
	for _, n := range sizes(o, 1000, 10_000, 100_000, 1_000_000) {
		d, err := joinOnce(ctx, o, n)
		if err != nil {
			return fmt.Errorf("%d instances: %w", n, err)
		}
		where := amount(float64(n), "")
		_, perRecord := sizesOf(min(n, 1000), "dc1/seed")
		encoded := float64(perRecord) / float64(min(n, 1000)) * float64(n)
		r.beside(where, "until ready", "s", d.Ready.Seconds(), "bare decoding", d.Decode.Seconds())
		r.add(where, "CPU of the new node", "s", d.CPU.Seconds())
		r.beside(where, "received", "MB", float64(d.Received)/1e6, "encoded", encoded/1e6)
		r.add(where, "heap of the new node for an instance", "B", float64(d.Heap)/float64(n))
		r.add(where, "resident", "MB", float64(d.Resident.Now)/1e6)
		r.add(where, "resident, peak", "MB", float64(d.Resident.Peak)/1e6)
		c.Seen = append(c.Seen, point{float64(n), d.Ready.Seconds()})
		switch n {
		case o.size(100_000):
			r.atMost("join with 100,000 instances until ready", "s", d.Ready.Seconds(), 2)
		case o.size(1_000_000):
			r.atMost("join with 1,000,000 instances until ready", "s", d.Ready.Seconds(), 20)
		}
	}
	c.proportional()
	r.Curves = append(r.Curves, c)
	return nil
}

func joinOnce(ctx context.Context, o options, n int) (d joinDone, err error) {
	var hello nodeHello
	seed, err := o.startChild(ctx, "node", nodeArg{Name: "seed", Fill: n}, &hello)
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, seed.stop()) }()
	var s nodeState
	if err := seed.ask("collect", &s); err != nil { // What filling left behind is not the join's to clear.
		return d, err
	}
	return d, o.once(ctx, "join", joinArg{hello.Gossip, n}, &d)
}

// joinChild is the new node.
func joinChild(ctx context.Context, raw json.RawMessage, l *line) error {
	var arg joinArg
	if err := json.Unmarshal(raw, &arg); err != nil {
		return err
	}
	var d joinDone
	begin, cpu := time.Now(), measure.SelfCPU()
	node, err := muster.Start(ctx, muster.Config{Node: "new", Join: []string{arg.Seed}})
	if err != nil {
		return err
	}
	defer func() { _ = node.Close() }() //nolint:contextcheck // To close needs no time; what it says comes too late.
	err = until(ctx, 5*time.Minute, time.Millisecond, "the new node is ready", func() (bool, error) {
		ready, _ := node.Ready()
		return ready, nil
	})
	if err != nil {
		return err
	}
	d.Ready, d.CPU = time.Since(begin), measure.SelfCPU()-cpu
	info := node.Info()
	if info.Catalog.Instances < arg.Instances {
		return fmt.Errorf("ready with %d instances of %d", info.Catalog.Instances, arg.Instances)
	}
	d.Received, d.Sent = info.Replication.BytesRecv, info.Replication.BytesSent
	if d.Resident, err = measure.ReadResident(os.Getpid()); err != nil {
		return err
	}
	d.Heap = measure.Heap()
	if d.Decode, err = decodeBare(arg.Instances); err != nil {
		return err
	}
	return l.say(d)
}

// decodeBare is how long it takes to decode the records of n typical instances and to do nothing with them.
func decodeBare(n int) (time.Duration, error) {
	b, err := snapshotBytes(n, "dc1/seed")
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	_, err = wire.ReadSnapshot(bytes.NewReader(b))
	return time.Since(begin), err
}

// snapshotBytes is the snapshot of a node that holds n typical instances.
func snapshotBytes(n int, home string) ([]byte, error) {
	cat := catalog.New(catalog.Config{Origin: record(stored(0, home), 1).Stamp.Dot.Origin}, catalog.Moment{Wall: time.Now()})
	for i := range n {
		cat.Register(catalog.Moment{Wall: time.Now()}, stored(i, home))
		cat.TakeChanges()
	}
	t := cat.Transfer(&causal.Vector{}, false)
	var b bytes.Buffer
	err := wire.WriteSnapshot(&b, &wire.Snapshot{
		Node: home, Incarnation: cat.Self().Incarnation, Written: time.Now(), Summary: t.Summary, Records: cat.Records(),
	})
	return b.Bytes(), err
}
