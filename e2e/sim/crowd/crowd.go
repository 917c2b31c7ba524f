package crowd

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/catalog/wire"
	"github.com/musterhq/muster/e2e/sim/timeline"
	"github.com/musterhq/muster/gossip/spread"
)

const (
	datacenter = "dc1"
	zones      = 3
	// incarnation is that of every node: nobody restarts.
	incarnation = 1
)

// crowd is the data centre. One goroutine runs it.
type crowd struct {
	now    time.Duration
	queue  timeline.Queue
	rand   *rand.Rand
	nodes  []*node
	byID   map[string]*node
	net    network
	events uint64
	err    error
}

// node is a member with the timers around it.
type node struct {
	member
	c        *crowd
	index    int
	id, zone string
	up       []bool // whether it takes another for a member
	flushing bool
	ticking  time.Duration
}

// instance is what the i-th client registers: a service of a hundred, and an ordinary amount of metadata.
func instance(i int, zone string) *muster.Instance {
	return &muster.Instance{
		Service: "service-" + strconv.Itoa(i%100), ID: "instance-" + strconv.Itoa(i), Address: "10.1.2.3", Port: 8080,
		TTL: time.Hour, Zone: zone, Metadata: map[string]string{"version": "1.2.3", "zone": zone},
	}
}

// newCrowd makes the nodes, of which some are keepers: the first, the last, and others between them.
func newCrowd(cfg Config) (*crowd, error) {
	c := &crowd{rand: chance(cfg.Seed, 0), byID: make(map[string]*node)}
	c.net.init(c)
	p := &pool{bodies: make(map[causal.Origin][][]byte)}
	shared := make(map[causal.Dot]*catalog.Record)
	var dec wire.Decoder
	decode := func(d causal.Dot, body []byte) (*catalog.Record, error) {
		rec := shared[d]
		var err error
		if rec == nil {
			if rec, err = dec.Record(d, body); err == nil {
				shared[d] = rec
			}
		}
		return rec, err
	}
	at := c.moment()
	for i := range cfg.Nodes {
		name := fmt.Sprintf("n%04d", i)
		n := &node{c: c, index: i, id: datacenter + "/" + name, zone: "z" + strconv.Itoa(i%zones), up: make([]bool, cfg.Nodes)}
		r := chance(cfg.Seed, uint64(i)+1)
		var err error
		if keeps(i, cfg) {
			n.member, err = newKeeper(muster.ReplicaConfig{
				Name: name, Datacenter: datacenter, Zone: n.zone, Incarnation: incarnation, History: 16,
				Preserve: muster.DefaultPreserve(), Decode: decode, Rand: r,
			}, at)
		} else {
			n.member, err = newEcho(n.id, n.zone, incarnation, p, r, at)
		}
		if err != nil {
			return nil, err
		}
		c.nodes = append(c.nodes, n)
		c.byID[n.id] = n
		c.probe(n)
	}
	return c, nil
}

// keeps reports whether the i-th node is a keeper. They are spread evenly, the first and the last among them.
func keeps(i int, cfg Config) bool {
	if cfg.Keepers < 2 || cfg.Keepers >= cfg.Nodes {
		return cfg.Keepers >= cfg.Nodes || i == 0 && cfg.Keepers == 1
	}
	return i*(cfg.Keepers-1)/(cfg.Nodes-1) != (i-1)*(cfg.Keepers-1)/(cfg.Nodes-1) || i == 0
}

func chance(seed, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, stream)) //nolint:gosec // Seeded on purpose.
}

func (c *crowd) moment() muster.Moment {
	return muster.Moment{Mono: c.now, Wall: time.Unix(1_800_000_000, 0).Add(c.now)}
}

func (c *crowd) after(d time.Duration, do func()) { c.queue.Add(c.now+d, do) }

// run lets time pass until end.
func (c *crowd) run(end time.Duration) {
	for {
		at, ok := c.queue.Next()
		if !ok || at > end {
			break
		}
		c.now = max(c.now, at)
		c.events++
		c.queue.Take()()
	}
	c.now = end
}

// within is a random time up to d.
func (c *crowd) within(d time.Duration) time.Duration { return time.Duration(c.rand.Int64N(int64(d))) }

// probe compares digests with a random member about once a second.
func (c *crowd) probe(n *node) {
	c.after(900*time.Millisecond+c.within(200*time.Millisecond), func() {
		if q := c.nodes[c.rand.IntN(len(c.nodes))]; q != n && n.up[q.index] && c.net.open(n, q) {
			d := q.digest()
			c.after(2*c.net.delay(), func() {
				n.compare(c.moment(), q.id, d)
				c.settle(n)
			})
		}
		c.probe(n)
	})
}

// settle sees to what an input has left to do: things to send, and the next tick.
func (c *crowd) settle(n *node) {
	if n.pending() && !n.flushing {
		n.flushing = true
		c.after(50*time.Microsecond, func() {
			n.flushing = false
			n.flush(c.moment())
			for _, o := range n.take() {
				c.net.send(n, o)
			}
			c.settle(n)
		})
	}
	due, planned := n.next()
	if !planned || n.ticking > c.now && n.ticking <= due {
		return
	}
	at := max(due, c.now+time.Millisecond)
	n.ticking = at
	c.queue.Add(at, func() {
		if n.ticking == at {
			n.ticking = 0
			n.tick(c.moment())
			c.settle(n)
		}
	})
}

// meet tells a node of those members for which want is true.
func (c *crowd) meet(n *node, want func(*node) bool) {
	for _, q := range c.nodes {
		if q != n && want(q) {
			n.up[q.index] = true
			n.memberUp(c.moment(), spread.Member{ID: q.id, Zone: q.zone})
		}
	}
	c.settle(n)
}

// lose tells a node that those members are dead.
func (c *crowd) lose(n *node, gone func(*node) bool) {
	for _, q := range c.nodes {
		if q != n && gone(q) {
			n.up[q.index] = false
			n.memberDown(c.moment(), spread.Member{ID: q.id, Zone: q.zone})
		}
	}
	c.settle(n)
}

// put registers the i-th instance at a node.
func (c *crowd) put(n *node, i int) {
	if err := n.register(c.moment(), i); err != nil && c.err == nil {
		c.err = err
	}
}

// agree lets time pass until all digests are equal, and reports whether that was before end.
func (c *crowd) agree(end time.Duration) bool {
	for c.now < end {
		first, equal := c.nodes[0].digest(), true
		for _, n := range c.nodes {
			equal = equal && n.digest() == first
		}
		if equal {
			return true
		}
		c.run(c.now + 10*time.Millisecond)
	}
	return false
}

// traffic is the deltas that nodes got for the first time, and those that they got at all.
func (c *crowd) traffic() (fresh, copies uint64) {
	for _, n := range c.nodes {
		s := n.stats()
		fresh += s.Fresh
		copies += s.Fresh + s.Duplicates
	}
	return fresh, copies
}
