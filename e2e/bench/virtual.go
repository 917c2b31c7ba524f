package main

import (
	"container/heap"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/catalog/wire"
	"github.com/musterhq/muster/e2e/bench/measure"
	"github.com/musterhq/muster/gossip/frame"
	"github.com/musterhq/muster/gossip/spread"
)

// virtual is a data centre in virtual time: the product's own replicas, each with a processor of its own, in one event
// loop, and a network that delays each packet between virtualShortest and virtualLongest. What is sent is encoded and decoded by
// the product's codec, so bytes are those of the wire, with what goes around each packet. Membership does not change.
type virtual struct {
	now    time.Duration
	queue  events
	count  uint64
	nodes  []*virtualNode
	byID   map[string]*virtualNode
	rand   *rand.Rand
	loss   float64
	start  time.Time
	make   func(number int) muster.Instance
	shared map[causal.Dot]*catalog.Record
	dec    wire.Decoder

	sent  map[causal.Dot]time.Duration
	took  []time.Duration
	bytes uint64
}

const (
	// virtualShortest and virtualLongest bound the network's delay, virtualWork is how long a node takes from an input to what it
	// sends because of it.
	virtualShortest = 200 * time.Microsecond
	virtualLongest  = time.Millisecond
	virtualWork     = 50 * time.Microsecond
	// streamRate is how many bytes of a stream pass in a second.
	streamRate = 100e6
	// probeEvery is how often a node compares its digest with another's.
	probeEvery = time.Second
	// packetOverhead is what memberlist and the pool put around each packet: checksum and its mark, message type, kind and
	// length of the sender's name.
	packetOverhead = 4 + 1 + 1 + 1
	// frameOverhead is what a delta that travels alone has around its body: that, the sender's name and the frame.
	frameOverhead = packetOverhead + len("n010") + 8
)

type virtualNode struct {
	id       string
	rep      *muster.Replica
	written  uint64
	flushing bool
	ticking  time.Duration
}

// newVirtual makes nodes that know each other.
func newVirtual(ctx context.Context, seed uint64, n int, loss float64) (*virtual, error) {
	v := &virtual{
		byID: map[string]*virtualNode{}, rand: rand.New(rand.NewPCG(seed, 3)), loss: loss, //nolint:gosec // Runs that repeat.
		start: time.Unix(1_800_000_000, 0), make: smallWrite(deltaBytes),
		shared: map[causal.Dot]*catalog.Record{}, sent: map[causal.Dot]time.Duration{},
	}
	for i := range n {
		node := &virtualNode{}
		var err error
		node.rep, err = muster.NewReplica(muster.ReplicaConfig{
			Name: nodeName(i), Datacenter: "dc1", Incarnation: 1, Preserve: muster.DefaultPreserve(), History: 64,
			Rand:   rand.New(rand.NewPCG(seed, uint64(i)+100)), //nolint:gosec // Likewise.
			Decode: v.decode,
		}, v.moment())
		if err != nil {
			return nil, err
		}
		node.id = node.rep.ID()
		v.nodes = append(v.nodes, node)
		v.byID[node.id] = node
	}
	for _, node := range v.nodes {
		for _, peer := range v.nodes {
			if peer != node {
				node.rep.MemberUp(v.moment(), spread.Member{ID: peer.id})
			}
		}
		v.settle(node)
		v.after(time.Duration(v.rand.Int64N(int64(probeEvery))), func() { v.probe(node) })
	}
	return v, v.run(ctx, 2*time.Second)
}

// moment is now, for a replica.
func (v *virtual) moment() muster.Moment { return muster.Moment{Mono: v.now, Wall: v.start.Add(v.now)} }

// decode reads a record once for all nodes, records being immutable, and notes its arrival: nodes decode what they do not
// cover, and only that.
func (v *virtual) decode(d causal.Dot, body []byte) (*catalog.Record, error) {
	if at, ok := v.sent[d]; ok {
		v.took = append(v.took, v.now-at)
	}
	if rec := v.shared[d]; rec != nil {
		return rec, nil
	}
	rec, err := v.dec.Record(d, body)
	if err == nil {
		v.shared[d] = rec
	}
	return rec, err
}

// settle sees to what an input has left to do.
func (v *virtual) settle(n *virtualNode) {
	if n.rep.Pending() && !n.flushing {
		n.flushing = true
		v.after(virtualWork, func() {
			n.flushing = false
			n.rep.Flush(v.moment())
			for _, o := range n.rep.TakeOutbound() {
				v.send(n, o)
			}
			v.settle(n)
		})
	}
	n.rep.TakeEvents()
	at := max(n.rep.Next(), v.now+time.Millisecond)
	if n.ticking > v.now && n.ticking <= at {
		return
	}
	n.ticking = at
	v.after(at-v.now, func() {
		if n.ticking == at {
			n.ticking = 0
			n.rep.Tick(v.moment())
			v.settle(n)
		}
	})
}

// send puts a message under way.
func (v *virtual) send(from *virtualNode, o muster.Outbound) {
	to := v.byID[o.To]
	if to == nil || o.Msg == nil {
		return
	}
	b := frame.Append(nil, o.Msg)
	size := len(b) + packetOverhead + len(from.id) - len("dc1/")
	v.bytes += uint64(size)
	delay := virtualShortest + time.Duration(v.rand.Int64N(int64(virtualLongest-virtualShortest)))
	if o.Reliable {
		delay += 2*virtualLongest + time.Duration(float64(size)/streamRate*float64(time.Second))
	} else if v.rand.Float64() < v.loss {
		return
	}
	v.after(delay, func() {
		if m, err := frame.Decode(b); err == nil {
			to.rep.Receive(v.moment(), from.id, m)
			v.settle(to)
		}
	})
}

// probe brings another node's digest, now and then.
func (v *virtual) probe(n *virtualNode) {
	if peer := v.nodes[v.rand.IntN(len(v.nodes))]; peer != n {
		d := peer.rep.Digest()
		v.after(virtualLongest, func() {
			n.rep.PeerDigest(v.moment(), peer.id, d)
			v.settle(n)
		})
	}
	v.after(probeEvery, func() { v.probe(n) })
}

// sustain makes writes at random moments, rate of them a second on average, at random nodes.
func (v *virtual) sustain(ctx context.Context, rate float64, d time.Duration) (*turn, error) {
	v.took = nil
	before := v.traffic()
	made := 0
	var write func()
	end := v.now + d
	write = func() {
		if v.now >= end {
			return
		}
		n := v.nodes[v.rand.IntN(len(v.nodes))]
		inst := v.make(made)
		n.written++
		v.sent[causal.Dot{Origin: causal.Origin{Node: n.id, Incarnation: 1}, Seq: n.written}] = v.now
		if _, _, err := n.rep.Register(v.moment(), &inst, false); err != nil {
			return // It is as valid as those before it.
		}
		made++
		v.settle(n)
		v.after(time.Duration(v.rand.ExpFloat64()/rate*float64(time.Second)), write)
	}
	write()
	if err := v.run(ctx, end); err != nil {
		return nil, err
	}
	t := &turn{made: made, seconds: d.Seconds(), took: &measure.Durations{}}
	t.traffic = v.traffic().since(before) // What comes later is repair, and little.
	if err := v.run(ctx, end+patience); err != nil {
		return nil, err
	}
	after := v.traffic().since(before)
	t.traffic.fresh, t.traffic.copies = after.fresh, after.copies
	t.took.Add(v.took...)
	t.late = int64(made*(len(v.nodes)-1) - len(v.took))
	return t, nil
}

func (v *virtual) traffic() traffic {
	t := traffic{bytes: v.bytes}
	for _, n := range v.nodes {
		s := n.rep.Traffic()
		t.fresh += s.Fresh
		t.copies += s.Fresh + s.Duplicates
	}
	return t
}

// treeHops is how many hops the last of n nodes is away from a writer.
func treeHops(n int) float64 {
	if n-1 <= flatMax {
		return 1
	}
	return math.Ceil(math.Log(float64(n)*(fanout-1)+1)/math.Log(fanout) - 1)
}

// run lets time pass.
func (v *virtual) run(ctx context.Context, end time.Duration) error {
	for len(v.queue) > 0 && v.queue[0].at <= end {
		if v.count%65_536 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		e, ok := heap.Pop(&v.queue).(event)
		if !ok {
			return errors.New("bench: not an event")
		}
		v.now = e.at
		e.do()
	}
	v.now = end
	return nil
}

func (v *virtual) after(d time.Duration, do func()) {
	v.count++
	heap.Push(&v.queue, event{v.now + d, v.count, do})
}

// event is something that happens at a time; those of one time happen in the order in which they were planned.
type event struct {
	at  time.Duration
	seq uint64
	do  func()
}

// events is a heap.
type events []event

// Len is for container/heap, as are the others.
func (q events) Len() int { return len(q) }

// Less orders by time, then by plan.
func (q events) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}

// Swap swaps.
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push appends an event.
func (q *events) Push(x any) {
	if e, ok := x.(event); ok {
		*q = append(*q, e)
	}
}

// Pop takes the last one.
func (q *events) Pop() any {
	e := (*q)[len(*q)-1]
	(*q)[len(*q)-1].do = nil
	*q = (*q)[:len(*q)-1]
	return e
}
