package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/musterhq/muster"
)

// cluster is nodes of this registry in one process, on real sockets, with a watcher at each.
type cluster struct {
	members []*muster.Node
	make    func(number int) muster.Instance
	arrived *arrivals
	stop    context.CancelFunc
	wg      sync.WaitGroup
}

var _ spreader = (*cluster)(nil)

// startCluster starts nodes that join the first one, and waits until they are one cluster. a, if not nil, gets what
// arrives.
func startCluster(ctx context.Context, n int, loss float64, a *arrivals) (_ *cluster, err error) {
	c := &cluster{arrived: a, make: smallWrite(deltaBytes)}
	defer func() { //nolint:contextcheck // To close needs no time.
		if err != nil {
			c.close()
		}
	}()
	watching, stop := context.WithCancel(ctx)
	c.stop = stop
	for i := range n {
		cfg := muster.Config{Node: nodeName(i)}
		if loss > 0 { // Else on the sockets that the product opens itself.
			l, err := newLink(loss, uint64(i), nil)
			if err != nil {
				return nil, err
			}
			cfg.Transport = l
		}
		if i > 0 {
			cfg.Join = []string{c.members[0].Addr()}
		}
		node, err := muster.Start(ctx, cfg)
		if err != nil {
			return nil, err
		}
		c.members = append(c.members, node)
	}
	if err := until(ctx, time.Minute, 20*time.Millisecond, "all nodes know each other", c.whole); err != nil {
		return nil, err
	}
	if a != nil {
		for i := range c.members {
			c.wg.Go(func() { c.watch(watching, i) })
		}
	}
	return c, nil
}

func nodeName(i int) string { return fmt.Sprintf("n%03d", i) }

// whole reports whether every node is ready and sees every other one.
func (c *cluster) whole() (bool, error) {
	for _, node := range c.members {
		if ready, _ := node.Ready(); !ready {
			return false, nil
		}
		alive := 0
		for _, m := range node.Members() {
			if m.State == "alive" {
				alive++
			}
		}
		if alive < len(c.members) {
			return false, nil
		}
	}
	return true, nil
}

// watch notes what arrives at a node.
func (c *cluster) watch(ctx context.Context, i int) {
	self := "dc1/" + nodeName(i)
	for ev := range c.members[i].WatchFrom(ctx, muster.DefaultNamespace, "", c.members[i].Index()) {
		if ev.Instance == nil || ev.Instance.Home == self {
			continue
		}
		if number, err := strconv.Atoi(ev.Instance.Metadata["n"]); err == nil {
			c.arrived.arrived(i, number)
		}
	}
}

func (c *cluster) write(node, number int) error {
	if c.arrived != nil {
		c.arrived.wrote(number)
	}
	_, _, err := c.members[node].Put(context.Background(), c.make(number))
	return err
}

func (c *cluster) nodes() int { return len(c.members) }

func (c *cluster) traffic() (t traffic) {
	for _, n := range c.members {
		r := n.Info().Replication
		t.bytes += r.BytesSent
		t.fresh += r.Fresh
		t.copies += r.Fresh + r.Duplicates
	}
	return t
}

func (c *cluster) close() {
	if c.stop != nil {
		c.stop()
	}
	var wg sync.WaitGroup
	for _, n := range c.members {
		wg.Go(func() { _ = n.Close() }) // What it says comes too late.
	}
	wg.Wait()
	c.wg.Wait()
}

const (
	// deltaBytes is how large the writes are of which the bars speak, encoded.
	deltaBytes = 100
	// writeSlots is how many instances are written to in turn.
	writeSlots = 5000
)

// smallWrite makes writes whose record has that many bytes on the wire, or a few more if it cannot have fewer.
func smallWrite(size int) func(number int) muster.Instance {
	write := func(number, pad int) muster.Instance {
		slot := number % writeSlots
		return muster.Instance{
			Service: "s" + strconv.Itoa(slot%100), ID: "i" + strconv.Itoa(slot), Address: "10.0.0.1", Port: 80, TTL: longTTL,
			Metadata: map[string]string{"n": strings.Repeat("0", pad) + fmt.Sprintf("%06d", number)},
		}
	}
	inst := write(writeSlots/2, 0)
	_ = inst.Complete() // It is valid.
	inst.Home, inst.Datacenter, inst.RegisteredAt = "dc1/"+nodeName(10), "dc1", time.Now()
	pad := max(0, size-encodedSize(&inst, 1000))
	return func(number int) muster.Instance { return write(number, pad) }
}
