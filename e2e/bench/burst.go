package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// burstNodes is how many nodes a mass registration goes to.
const burstNodes = 3

// burstSettle is how long after the burst the steady state of memory is read: the runtime gives back at leisure.
const burstSettle = 10 * time.Second

// burst measures a mass registration over three nodes, each in a process of its own.
func burst(ctx context.Context, o options, r *result) error {
	c := curve{Name: "mass registration", X: "instances", Y: "s", ModelText: "proportional to the instances, from the second size"}
	for _, n := range sizes(o, 1000, 10_000, 100_000) {
		took, err := burstOnce(ctx, o, r, n)
		if err != nil {
			return fmt.Errorf("%d instances: %w", n, err)
		}
		c.Seen = append(c.Seen, point{float64(n), took})
	}
	c.proportional()
	r.Curves = append(r.Curves, c)
	return nil
}

// burstOnce registers n instances and returns how long that took, until all nodes had all of them, in seconds.
func burstOnce(ctx context.Context, o options, r *result, n int) (_ float64, err error) {
	nodes, addrs, err := startNodes(ctx, o, burstNodes)
	defer func() {
		for _, node := range nodes {
			err = errors.Join(err, node.stop())
		}
	}()
	if err != nil {
		return 0, err
	}
	var greeting string
	load, err := o.startChild(ctx, "load", nil, &greeting)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, load.stop()) }()

	work := loadWork{Addrs: addrs, Conns: burstNodes * (httpConns / burstNodes), Kind: "register", Count: n}
	var done loadDone
	if err := errors.Join(load.ask(work, &done), done.ok()); err != nil {
		return 0, err
	}
	acknowledged := done.Requests - done.Refused
	states := make([]nodeState, len(nodes))
	err = until(ctx, time.Minute, 5*time.Millisecond, "all nodes hold the same", func() (bool, error) {
		for i, node := range nodes {
			if err := node.ask("state", &states[i]); err != nil {
				return false, err
			}
		}
		for _, s := range states {
			if s.Hash != states[0].Hash || s.Instances < acknowledged {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		return 0, err
	}
	converged := time.Since(time.Unix(0, done.Ended))
	if err := pause(ctx, time.Duration(float64(burstSettle)*min(1, o.scale*10))); err != nil {
		return 0, err
	}
	worst, peak, steady, sent := 0.0, 0.0, 0.0, 0.0
	for i, node := range nodes {
		// The runtime collects by itself every two minutes at least: that much later is now.
		if err := node.ask("collect", &states[i]); err != nil {
			return 0, err
		}
		m := states[i].Resident
		worst = max(worst, float64(m.Peak)/float64(m.Now))
		peak, steady = max(peak, float64(m.Peak)), max(steady, float64(m.Now))
		sent += float64(states[i].Sent)
	}
	where := amount(float64(n), "")
	missing := 0.0
	for _, s := range states {
		missing = max(missing, float64(acknowledged-s.Instances))
	}
	r.add(where, "registered", "/s", done.rate())
	r.add(where, "from the last answer to equal hashes", "s", converged.Seconds())
	r.add(where, "acknowledged and missing somewhere", "", missing)
	r.add(where, "p99 of an answer", "ms", done.P99)
	r.add(where, "resident, peak", "MB", peak/1e6)
	r.add(where, "resident, steady, what is free given back", "MB", steady/1e6)
	r.add(where, "sent by all nodes for an instance", "B", sent/float64(n))
	if n == o.size(100_000) {
		r.atMost("acknowledged and missing, 100,000 registrations over 3 nodes", "", missing, 0)
		r.atMost("from the last answer until all nodes hold the same", "s", converged.Seconds(), 2)
		r.atMost("peak of memory beside its steady state", "x", worst, 2)
	}
	return done.Seconds + converged.Seconds(), nil
}

// startNodes starts node processes that are one cluster. What it has started is returned with the error, too.
func startNodes(ctx context.Context, o options, n int) (nodes []*child, addrs []string, err error) {
	var seed []string
	for i := range n {
		var hello nodeHello
		node, err := o.startChild(ctx, "node", nodeArg{Name: nodeName(i), Join: seed}, &hello)
		if err != nil {
			return nodes, addrs, err
		}
		nodes, addrs = append(nodes, node), append(addrs, hello.HTTP)
		if i == 0 {
			seed = []string{hello.Gossip}
		}
	}
	err = until(ctx, time.Minute, 20*time.Millisecond, "all nodes are ready and know each other", func() (bool, error) {
		for _, node := range nodes {
			var s nodeState
			if err := node.ask("state", &s); err != nil || !s.Ready || s.Alive < n {
				return false, err
			}
		}
		return true, nil
	})
	return nodes, addrs, err
}
