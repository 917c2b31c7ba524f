package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/catalog/wire"
	"github.com/musterhq/muster/e2e/bench/measure"
)

// startArg is a folder with a snapshot of that many instances.
type startArg struct {
	Dir       string
	Instances int
}

// startDone is what a start took, and what the bare decoding of its file does.
type startDone struct {
	Ready, CPU, Decode time.Duration
	Bytes              int64
	Resident           measure.Resident
}

// start measures a node's start from a snapshot, in a process of its own.
func start(ctx context.Context, o options, r *result) error {
	c := curve{Name: "start from a snapshot", X: "instances", Y: "s", ModelText: "proportional to the instances, from the second size"}
	for _, n := range sizes(o, 1000, 10_000, 100_000, 1_000_000) {
		d, err := startOnce(ctx, o, n)
		if err != nil {
			return fmt.Errorf("%d instances: %w", n, err)
		}
		where := amount(float64(n), "")
		r.beside(where, "until ready", "s", d.Ready.Seconds(), "bare decoding", d.Decode.Seconds())
		r.add(where, "CPU", "s", d.CPU.Seconds())
		r.add(where, "snapshot for an instance", "B", float64(d.Bytes)/float64(n))
		r.add(where, "resident, peak", "MB", float64(d.Resident.Peak)/1e6)
		c.Seen = append(c.Seen, point{float64(n), d.Ready.Seconds()})
		if n == o.size(1_000_000) {
			r.atMost("start from a snapshot of 1,000,000 instances", "s", d.Ready.Seconds(), 5)
		}
	}
	c.proportional()
	r.Curves = append(r.Curves, c)
	return nil
}

func startOnce(ctx context.Context, o options, n int) (d startDone, err error) {
	dir, err := os.MkdirTemp("", "muster-bench-")
	if err != nil {
		return d, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // The system's own folder for such.
	b, err := snapshotBytes(n, "dc1/n1")
	if err != nil {
		return d, err
	}
	if err := os.WriteFile(muster.SnapshotPath(dir), b, 0o600); err != nil {
		return d, err
	}
	return d, o.once(ctx, "start", startArg{dir, n}, &d)
}

// startChild is the node that starts.
func startChild(ctx context.Context, raw json.RawMessage, l *line) error {
	var arg startArg
	if err := json.Unmarshal(raw, &arg); err != nil {
		return err
	}
	var d startDone
	begin, cpu := time.Now(), measure.SelfCPU()
	node, err := muster.Start(ctx, muster.Config{Node: "n1", DataDir: arg.Dir, SnapshotInterval: 24 * time.Hour})
	if err != nil {
		return err
	}
	defer func() { _ = node.Close() }() //nolint:contextcheck // To close needs no time; what it says comes too late.
	err = until(ctx, 5*time.Minute, time.Millisecond, "the node is ready", func() (bool, error) {
		ready, _ := node.Ready()
		return ready, nil
	})
	if err != nil {
		return err
	}
	d.Ready, d.CPU = time.Since(begin), measure.SelfCPU()-cpu
	if n := node.Info().Catalog.Instances; n != arg.Instances {
		return fmt.Errorf("started with %d instances of %d", n, arg.Instances)
	}
	if d.Resident, err = measure.ReadResident(os.Getpid()); err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Clean(muster.SnapshotPath(arg.Dir)))
	if err != nil {
		return err
	}
	d.Bytes = int64(len(b))
	begin = time.Now()
	if _, err := wire.ReadSnapshot(bytes.NewReader(b)); err != nil {
		return err
	}
	d.Decode = time.Since(begin)
	return l.say(d)
}
