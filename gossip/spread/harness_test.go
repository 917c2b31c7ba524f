package spread_test

import (
	"container/heap"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/gossip/frame"
	"github.com/musterhq/muster/gossip/spread"
)

const ms = time.Millisecond

// cluster is a data centre in one thread and in virtual time: a heap of events, and a network that loses, doubles,
// delays and so reorders packets. Streams arrive unless their end is dead or cut off. Every message passes the codec.
type cluster struct {
	t     *testing.T
	rng   *rand.Rand
	now   time.Duration
	heap  events
	order uint64

	nodes []*node
	byID  map[string]*node

	loss, dup float64                            // Of packets.
	far       func(from, to *node) time.Duration // What a message takes longer from one data centre to another.
	noSync    bool                               // Streams are refused: the dialler notices nothing.
	cut       func(a, b *node) bool
	nameless  bool // Members do not know of each other which life it is.
	digests   bool // Probe acks: each node sees a random member's digest once a second.
	tune      func(*spread.Config)

	tags   map[causal.Origin][]causal.Origin // Who goes by a tag, written as an origin.
	born   map[causal.Dot]time.Duration
	seen   map[causal.Dot]map[*node]arrival
	copies map[causal.Dot]int
	record bool
	log    uint64 // Hash of everything that was delivered, in order, if record is set.
	lines  int
}

// arrival is when a node first had a dot, and after how many pushes.
type arrival struct {
	at   time.Duration
	hops int
}

type node struct {
	id, zone string
	origin   causal.Origin
	store    *store
	engine   *spread.Engine
	alive    bool
	wake     time.Duration // The tick that is planned.
	events   []spread.Event
}

type event struct {
	at    time.Duration
	order uint64
	do    func()
}

type events []event

func (h events) Len() int { return len(h) }
func (h events) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].order < h[j].order
}
func (h events) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *events) Push(x any)   { *h = append(*h, x.(event)) } //nolint:errcheck // Only events are pushed.
func (h *events) Pop() any     { e := (*h)[len(*h)-1]; *h = (*h)[:len(*h)-1]; return e }

func newCluster(t *testing.T, seed uint64, n int, tune func(*spread.Config)) *cluster {
	t.Helper()
	c := &cluster{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), byID: map[string]*node{}, tune: tune, digests: true,
		tags: map[causal.Origin][]causal.Origin{}, born: map[causal.Dot]time.Duration{}, seen: map[causal.Dot]map[*node]arrival{}, copies: map[causal.Dot]int{},
	}
	for i := range n {
		c.add(fmt.Sprintf("dc1/n%03d", i), fmt.Sprintf("z%d", i%3))
	}
	for _, a := range c.nodes {
		for _, b := range c.nodes {
			if a != b {
				c.step(a, spread.MemberUp{Member: c.member(b)})
			}
		}
	}
	c.run(2 * time.Second) // The syncs of the join are not what is measured.
	for _, a := range c.nodes {
		a.events = nil
	}
	return c
}

func (c *cluster) member(n *node) spread.Member {
	m := spread.Member{ID: n.id, Zone: n.zone, Incarnation: n.origin.Incarnation}
	if c.nameless {
		m.Incarnation = 0
	}
	return m
}

// add makes a node that nobody knows yet.
func (c *cluster) add(id, zone string) *node {
	n := &node{id: id, zone: zone}
	c.nodes = append(c.nodes, n)
	c.byID[id] = n
	c.boot(n)
	c.probe(n)
	return n
}

// boot starts a node, or starts it anew with nothing but a higher incarnation.
func (c *cluster) boot(n *node) {
	c.t.Helper()
	n.origin = causal.Origin{Node: n.id, Incarnation: n.origin.Incarnation + 1}
	n.store = newStore(n.origin)
	c.tags[tagOf(n.origin)] = append(c.tags[tagOf(n.origin)], n.origin)
	cfg := spread.Config{Self: n.id, Zone: n.zone, Rand: rand.New(rand.NewPCG(c.rng.Uint64(), 2)), Store: n.store}
	if c.tune != nil {
		c.tune(&cfg)
	}
	e, err := spread.New(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	e.SetReady(true)
	n.engine, n.alive, n.wake = e, true, 0
}

func (c *cluster) at(d time.Duration, do func()) {
	c.order++
	heap.Push(&c.heap, event{c.now + d, c.order, do})
}

// run lets virtual time pass.
func (c *cluster) run(d time.Duration) {
	until := c.now + d
	for len(c.heap) > 0 && c.heap[0].at <= until {
		e := heap.Pop(&c.heap).(event) //nolint:errcheck // Only events are pushed.
		c.now = e.at
		e.do()
	}
	c.now = until
}

// probe hands a node the digest of a random member once a second.
func (c *cluster) probe(n *node) {
	c.at(time.Duration(c.rng.Int64N(int64(time.Second))), func() {
		if p := c.nodes[c.rng.IntN(len(c.nodes))]; c.digests && n.alive && p.alive && p != n && !c.apart(n, p) {
			c.step(n, spread.PeerDigest{Peer: p.id, Digest: p.store.Digest()})
		}
		c.at(time.Second/2, func() { c.probe(n) })
	})
}

func (c *cluster) apart(a, b *node) bool { return c.cut != nil && c.cut(a, b) }

// step feeds a node, carries what it says, and plans its next tick.
func (c *cluster) step(n *node, in spread.Input) {
	if !n.alive {
		return
	}
	var packet []byte
	var meant map[causal.Origin]causal.Origin
	for _, o := range n.engine.Step(c.now, in) {
		if (o.Msg == nil) == (o.Event == nil) {
			c.t.Fatalf("an output must be a message or an event: %+v", o)
		}
		if o.Event != nil {
			n.events = append(n.events, o.Event)
			continue
		}
		if !o.Same {
			packet, meant = frame.Append(nil, o.Msg), c.meaning(n, o.Msg)
			if !o.Reliable && len(packet) > 1300 {
				c.t.Fatalf("a %v of %d bytes is not reliable", o.Msg.Kind(), len(packet))
			}
		}
		c.carry(n, o, packet, meant)
	}
	if at, ok := n.engine.Next(); ok && (n.wake <= c.now || at < n.wake) {
		n.wake = max(at, c.now)
		engine, wake := n.engine, n.wake
		c.at(n.wake-c.now, func() {
			if n.engine == engine && n.wake == wake {
				n.wake = 0
				c.step(n, spread.Tick{})
			}
		})
	}
}

// carry delivers one output, or not.
func (c *cluster) carry(from *node, o spread.Output, packet []byte, meant map[causal.Origin]causal.Origin) {
	to := c.byID[o.To]
	times := 1
	if !o.Reliable {
		if c.rng.Float64() < c.loss {
			times = 0
		} else if c.rng.Float64() < c.dup {
			times = 2
		}
	} else if c.noSync {
		times = 0
	}
	if to == nil || c.apart(from, to) {
		return
	}
	incarnation := to.origin.Incarnation
	for range times {
		delay := 200*time.Microsecond + time.Duration(c.rng.Int64N(int64(800*time.Microsecond)))
		if o.Reliable {
			delay *= 3
		}
		if c.far != nil {
			delay += c.far(from, to)
		}
		c.at(delay, func() {
			if to.alive && to.origin.Incarnation == incarnation && !c.apart(from, to) {
				c.deliver(from, to, packet, meant)
			}
		})
	}
}

func (c *cluster) deliver(from, to *node, packet []byte, meant map[causal.Origin]causal.Origin) {
	m, err := frame.Decode(packet)
	if err != nil {
		c.t.Fatalf("%v of what an engine sent", err)
	}
	c.lines++
	if c.record {
		h := fnv.New64a()
		_, _ = fmt.Fprintf(h, "%d %d %s %s %x", c.log, c.now, from.id, to.id, packet)
		c.log = h.Sum64()
	}
	var news []causal.Dot
	var hops []int
	if p, ok := m.(spread.Push); ok {
		for _, f := range p.Frames {
			for _, d := range f.Deltas {
				dot := causal.Dot{Origin: f.Origin, Seq: d.Seq}
				if o, tagged := meant[f.Origin]; tagged {
					dot.Origin = o
				}
				c.copies[dot]++
				if !to.store.Covers(dot) {
					news, hops = append(news, dot), append(hops, c.seen[dot][from].hops+1)
				}
			}
		}
	}
	for i, dot := range news {
		c.note(dot, to, hops[i])
	}
	c.step(to, spread.Received{From: from.id, Msg: m})
}

// tagOf is how the origin is written where it goes by its tag.
func tagOf(o causal.Origin) causal.Origin {
	return causal.Origin{Incarnation: causal.Dot{Origin: o}.Hash() >> 32}
}

// meaning is the origins that a message names by their tags. Where a tag is that of several, it means the one that the sender
// knows; one who knows two must spell them out.
func (c *cluster) meaning(from *node, m spread.Message) map[causal.Origin]causal.Origin {
	var tags []causal.Origin
	switch m := m.(type) {
	case spread.Push:
		for _, f := range m.Frames {
			tags = append(tags, f.Origin)
		}
	case spread.Have:
		for _, s := range m.Spans {
			tags = append(tags, s.Origin)
		}
	}
	meant := map[causal.Origin]causal.Origin{}
	for _, tag := range tags {
		if tag.Node != "" {
			continue
		}
		var known []causal.Origin
		for _, o := range c.tags[tag] {
			if from.store.vector.Head(o) > 0 {
				known = append(known, o)
			}
		}
		if len(known) != 1 {
			c.t.Fatalf("%s says %v, which could be any of %v", from.id, tag, known)
		}
		meant[tag] = known[0]
	}
	return meant
}

func (c *cluster) note(d causal.Dot, n *node, hops int) {
	if c.seen[d] == nil {
		c.seen[d] = map[*node]arrival{}
	}
	if _, had := c.seen[d][n]; !had {
		c.seen[d][n] = arrival{c.now, hops}
	}
}

// write makes count writes at one node in one batch.
func (c *cluster) write(n *node, count int, value string) {
	deltas := make([]spread.Delta, 0, count)
	for range count {
		d := n.store.write(fmt.Sprintf("k%d", c.rng.IntN(1000)), value)
		dot := causal.Dot{Origin: n.origin, Seq: d.Seq}
		c.born[dot] = c.now
		c.note(dot, n, 0)
		deltas = append(deltas, d)
	}
	c.step(n, spread.Local{Origin: n.origin, Deltas: deltas})
}

// crash stops a node; the others hear of it later, each in its own time.
func (c *cluster) crash(n *node) {
	n.alive = false
	for _, p := range c.nodes {
		c.at(time.Duration(c.rng.Int64N(int64(2*time.Second))), func() {
			if !n.alive {
				c.step(p, spread.MemberDown{Member: c.member(n)})
			}
		})
	}
}

// meet makes two nodes members of each other.
func (c *cluster) meet(a, b *node) {
	c.step(a, spread.MemberUp{Member: c.member(b)})
	c.step(b, spread.MemberUp{Member: c.member(a)})
}

// agreed reports whether all live nodes hold the same.
func (c *cluster) agreed() bool {
	var first *node
	for _, n := range c.nodes {
		if !n.alive {
			continue
		}
		if first == nil {
			first = n
		}
		if n.store.Digest() != first.store.Digest() {
			return false
		}
	}
	return true
}

// settle runs until all agree, and fails if that takes longer than limit.
func (c *cluster) settle(limit time.Duration) time.Duration {
	c.t.Helper()
	start := c.now
	for !c.agreed() {
		if c.now-start > limit {
			for _, n := range c.nodes {
				c.t.Logf("%s alive=%v %+v %+v", n.id, n.alive, n.store.Digest(), n.engine.Stats())
			}
			c.t.Fatalf("no agreement within %v", limit)
		}
		c.run(10 * ms)
	}
	return c.now - start
}

// perNode is how many copies of each delta a node other than its writer received, on average.
func (c *cluster) perNode() float64 {
	total := 0
	for _, n := range c.copies {
		total += n
	}
	return float64(total) / float64(len(c.born)*(len(c.nodes)-1))
}

// count adds up a counter over all nodes.
func (c *cluster) count(f func(spread.Stats) uint64) uint64 {
	var total uint64
	for _, n := range c.nodes {
		total += f(n.engine.Stats())
	}
	return total
}
