package crowd

import (
	"errors"
	"fmt"
	"time"
)

// Config is a run. The same Config gives the same Report.
type Config struct {
	Seed uint64
	// Nodes is the size of the data centre, at least 2, and Keepers how many of them are whole replicas: more than there
	// are nodes make all of them so.
	Nodes, Keepers int
	// Instances are registered in all, evenly, within 2 s; a hundredth more while the data centre is cut.
	Instances int
}

// Report is what a data centre did: how long things took in its own time, and what they cost.
type Report struct {
	// Filled is from the last registration until every node held all of them.
	Filled time.Duration
	// Rejoin is from the end of the cut until the last node knew the members of the other side, Healed until all nodes held
	// the same again.
	Rejoin, Healed time.Duration
	// FillBytes and HealBytes are what a node sent meanwhile, on average; FillCopies and HealCopies how often a node got
	// each delta that was new to it.
	FillBytes, HealBytes   uint64
	FillCopies, HealCopies float64
	Events                 uint64
	// Digest is the state hash in the end, of all nodes.
	Digest uint64
}

// give up is how long a convergence may take.
const giveUp = time.Minute

// Run fills a data centre with registrations, cuts it in halves for 20 s in which both sides register more, and heals
// it. tell gets a line for each step. The error says which nodes disagreed when nothing moved any more.
func Run(cfg Config, tell func(format string, args ...any)) (Report, error) {
	c, err := newCrowd(cfg)
	if err != nil {
		return Report{}, fmt.Errorf("crowd: %w", err)
	}
	for _, n := range c.nodes {
		c.meet(n, func(*node) bool { return true })
	}
	c.run(10 * time.Second)
	tell("%d nodes know each other, %d of them with a catalog", cfg.Nodes, c.keepers())

	var res Report
	from, last := c.mark(), c.now
	count := 0
	for i, n := range c.nodes {
		share := cfg.Instances/cfg.Nodes + min(1, max(0, cfg.Instances%cfg.Nodes-i))
		c.after(c.within(2*time.Second), func() {
			for range share {
				c.put(n, count)
				count++
			}
			last = c.now
			c.settle(n)
		})
	}
	c.run(c.now + 2*time.Second)
	if err := c.converge("filled"); err != nil {
		return res, err
	}
	res.Filled = max(c.now-last, 0)
	res.FillBytes, res.FillCopies = c.since(from)
	tell("%d instances are everywhere within %v of the last registration: %d kB sent by a node, %.3f copies of each delta",
		count, res.Filled, res.FillBytes/1000, res.FillCopies)

	half := cfg.Nodes / 2
	other := func(n *node) func(*node) bool {
		return func(q *node) bool { return (q.index < half) != (n.index < half) }
	}
	c.net.half = half
	for _, n := range c.nodes {
		c.after(2*time.Second+c.within(2*time.Second), func() { c.lose(n, other(n)) })
	}
	c.run(c.now + 10*time.Second)
	more := max(cfg.Instances/100, 2)
	for i := range more {
		n := c.nodes[c.rand.IntN(cfg.Nodes)]
		c.after(c.within(5*time.Second), func() {
			c.put(n, cfg.Instances+i)
			c.settle(n)
		})
	}
	c.run(c.now + 10*time.Second)
	if left, right := c.nodes[0].digest(), c.nodes[cfg.Nodes-1].digest(); left == right {
		return res, errors.New("crowd: the halves hold the same although they are cut")
	}
	tell("cut in halves for 20 s, with %d more registrations", more)

	from = c.mark()
	c.net.half = 0
	healed := c.now
	for _, n := range c.nodes {
		c.after(c.within(2*time.Second), func() {
			c.meet(n, func(q *node) bool { return !n.up[q.index] })
			res.Rejoin = c.now - healed
		})
	}
	if err := c.converge("healed"); err != nil {
		return res, err
	}
	res.Healed = c.now - healed
	c.run(healed + 5*time.Second) // What follows belongs to the price.
	res.HealBytes, res.HealCopies = c.since(from)
	res.Events, res.Digest = c.events, c.nodes[0].digest().State
	tell("all nodes hold the same %v after the heal (they rejoin one by one, the last %v after it): %d kB sent by a node, %.3f copies of each delta",
		res.Healed, res.Rejoin, res.HealBytes/1000, res.HealCopies)
	return res, c.err
}

// converge lets time pass until all nodes agree.
func (c *crowd) converge(what string) error {
	if c.agree(c.now + giveUp) {
		return nil
	}
	first := c.nodes[0]
	for _, n := range c.nodes {
		if n.digest() != first.digest() {
			return fmt.Errorf("crowd: not %s within %v: %s has %+v, %s has %+v", what, giveUp, first.id, first.digest(), n.id, n.digest())
		}
	}
	return nil
}

func (c *crowd) keepers() int {
	count := 0
	for _, n := range c.nodes {
		if _, ok := n.member.(*keeper); ok {
			count++
		}
	}
	return count
}

// mark is what has been counted so far.
type mark struct{ bytes, fresh, copies uint64 }

func (c *crowd) mark() mark {
	fresh, copies := c.traffic()
	return mark{c.net.bytes, fresh, copies}
}

// since is the bytes that a node has sent since then, and the copies that it got of each new delta.
func (c *crowd) since(m mark) (bytes uint64, copies float64) {
	now := c.mark()
	return (now.bytes - m.bytes) / uint64(len(c.nodes)), float64(now.copies-m.copies) / float64(max(now.fresh-m.fresh, 1))
}
