package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/e2e/bench/measure"
)

// healed is what one meeting of two halves took.
type healed struct {
	// noticed is from the end of the cut to the first contact, equal from there to equal hashes.
	noticed, equal time.Duration
	bytes          uint64
}

// heal measures two nodes that hold different records and meet.
func heal(ctx context.Context, o options, r *result) error {
	c := curve{
		Name: "heal", X: "records on each side", Y: "s",
		ModelText: "proportional to the difference, from the second size; below that, waiting is most of it",
	}
	for _, n := range sizes(o, 1000, 10_000, 50_000) {
		_, perRecord := sizesOf(min(n, 1000), "dc1/n1")
		difference := float64(perRecord) / float64(min(n, 1000)) * float64(2*n)
		var times, bytes, noticed []float64
		for range min(o.rounds, 3) {
			h, err := healOnce(ctx, n)
			if err != nil {
				return fmt.Errorf("2 x %d records: %w", n, err)
			}
			times = append(times, h.equal.Seconds())
			noticed = append(noticed, h.noticed.Seconds())
			bytes = append(bytes, float64(h.bytes))
		}
		where := fmt.Sprintf("2 x %s records", amount(float64(n), ""))
		took, sent := measure.Median(times), measure.Median(bytes)
		r.add(where, "from contact to equal hashes", "s", took)
		r.add(where, "from the end of the cut to contact", "s", measure.Median(noticed))
		r.beside(where, "sent by both", "MB", sent/1e6, "encoded difference", difference/1e6)
		c.Seen = append(c.Seen, point{float64(n), took})
		if n == o.size(50_000) {
			r.atMost("from contact to equal hashes, 2 x 50,000 records", "s", took, 3)
			r.atMost("bytes, beside the encoded difference", "x", sent/difference, 1.25)
		}
	}
	c.proportional()
	r.Curves = append(r.Curves, c)
	return nil
}

// healOnce makes two nodes, each ignorant of the other behind a closed gate, fills them, and opens it.
func healOnce(ctx context.Context, n int) (_ *healed, err error) {
	g := &gate{}
	var nodes [2]*muster.Node
	defer func() { //nolint:contextcheck // To close needs no time.
		for _, node := range nodes {
			if node != nil {
				err = errors.Join(err, node.Close())
			}
		}
	}()
	for i := range nodes {
		l, err := newLink(0, uint64(i), g)
		if err != nil {
			return nil, err
		}
		cfg := muster.Config{Node: nodeName(i), Transport: l, ReadyWait: time.Millisecond}
		if i > 0 {
			cfg.Join = []string{nodes[0].Addr()}
		}
		if nodes[i], err = muster.Start(ctx, cfg); err != nil {
			return nil, err
		}
		err = until(ctx, 10*time.Second, time.Millisecond, "a node alone is ready", func() (bool, error) {
			ready, _ := nodes[i].Ready()
			return ready, nil
		})
		if err != nil {
			return nil, err
		}
		if err := fill(ctx, nodes[i], i*n, n); err != nil {
			return nil, err
		}
	}
	before := [2]muster.NodeInfo{nodes[0].Info(), nodes[1].Info()}
	opened := time.Now()
	g.open.Store(true)
	var after [2]muster.NodeInfo
	err = until(ctx, 2*time.Minute, 2*time.Millisecond, "both hold the same", func() (bool, error) {
		after = [2]muster.NodeInfo{nodes[0].Info(), nodes[1].Info()}
		return after[0].Catalog.Hash == after[1].Catalog.Hash && after[0].Catalog.Instances == 2*n, nil
	})
	if err != nil {
		return nil, err
	}
	contact := time.Unix(0, g.contact.Load())
	h := &healed{noticed: contact.Sub(opened), equal: time.Since(contact)}
	for i := range after {
		h.bytes += after[i].Replication.BytesSent - before[i].Replication.BytesSent
	}
	return h, nil
}
