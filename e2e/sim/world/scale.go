package world

import (
	"fmt"
	"strconv"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/gossip/spread"
)

// Scale is what a large data centre did: how long things took in its own time, and what they cost.
type Scale struct {
	Nodes, Instances int
	// Filled is from the last registration until every node held all of them; Healed from the end of the cut until every
	// node held the same again, of which Rejoin was the time until the last node knew the members of the other side.
	Filled, Rejoin, Healed time.Duration
	// FillBytes and HealBytes are what a node sent meanwhile; FillCopies how often a node got each delta.
	FillBytes, HealBytes uint64
	FillCopies           float64
	Events               uint64
}

// decode reads each record once for all replicas of a static world: records are immutable.
func (w *World) decode(d causal.Dot, body []byte) (*catalog.Record, error) {
	if rec := w.records[d]; rec != nil {
		return rec, nil
	}
	rec, err := w.decoder.Record(d, body)
	if err == nil {
		w.records[d] = rec
	}
	return rec, err
}

// compare is a probe of a static world: it brings a digest if it gets through.
func (w *World) compare(n *node) {
	if q := w.nodes[n.rand.IntN(len(w.nodes))]; q != n && n.peer(q).up && w.net.trip(n, q) {
		digest := q.rep.Digest()
		w.soon(n, 2*w.net.delay(), func() {
			n.rep.PeerDigest(n.moment(), q.id, digest)
			w.settle(n)
		})
	}
}

// RunScale fills a large data centre with instances, cuts it in halves for a while in which both sides write, and heals
// it. tell gets a line for each step. Leases do not run out, and clients do not renew: at their home that sends nothing.
func RunScale(seed uint64, nodes, instances int, tell func(format string, args ...any)) (Scale, error) {
	p := &Plan{
		Seed: seed, Scenario: "scale", Datacenter: "dc1", Nodes: nodes, Zones: 3, Static: true, Tombstone: time.Hour,
		Drift: make([]float64, nodes), Wrong: make([]time.Duration, nodes), Disk: make([]bool, nodes), Frozen: make([]bool, nodes),
		Net: Weather{Min: 200 * time.Microsecond, Mean: 600 * time.Microsecond},
	}
	w := New(p, nil)
	w.records = make(map[causal.Dot]*catalog.Record, instances)
	res := Scale{Nodes: nodes, Instances: instances}
	for _, n := range w.nodes {
		w.start(n, nil)
	}
	for _, n := range w.nodes {
		w.meetAll(n, func(*node) bool { return true })
	}
	w.run(10 * time.Second)
	tell("%d nodes know each other", nodes)

	before := w.stats
	count := 0
	for i, n := range w.nodes {
		share := instances/nodes + min(1, max(0, instances%nodes-i))
		w.after(between(w.chance, 0, 2*time.Second), func() {
			for range share {
				w.put(n, count)
				count++
			}
			w.settle(n)
		})
	}
	begin := w.now
	for count < instances && w.now < begin+3*time.Second {
		w.run(w.now + time.Millisecond)
	}
	from := w.now
	if !w.agree(from + time.Minute) {
		return res, fmt.Errorf("not filled within %v: %w", w.now-from, w.why())
	}
	res.Filled = w.now - from
	res.FillBytes = (w.stats.Bytes - before.Bytes) / uint64(nodes)
	fresh, copies := w.traffic()
	res.FillCopies = float64(copies) / float64(max(fresh, 1))
	tell("%d instances are everywhere %v after the last was registered: %d kB sent by a node, %.3f copies of each delta",
		count, res.Filled, res.FillBytes/1000, res.FillCopies)

	half := nodes / 2
	links := make([][2]int, 0, 2*half*(nodes-half))
	for a := range half {
		for b := half; b < nodes; b++ {
			links = append(links, [2]int{a, b}, [2]int{b, a})
		}
	}
	w.net.closeAll(links)
	for _, n := range w.nodes {
		w.after(between(w.chance, 2*time.Second, 4*time.Second), func() { w.loseHalf(n, half) })
	}
	w.run(w.now + 10*time.Second)
	tell("cut in halves, and noticed by all")
	for i := range max(instances/100, 2) {
		n := w.nodes[w.chance.IntN(nodes)]
		w.after(between(w.chance, 0, 5*time.Second), func() {
			w.put(n, instances+i)
			w.settle(n)
		})
	}
	w.run(w.now + 10*time.Second)
	before = w.stats
	w.net.reopenAll(links)
	from = w.now
	for _, n := range w.nodes {
		w.after(between(w.chance, 0, 2*time.Second), func() {
			w.meetAll(n, func(q *node) bool { return !n.peer(q).up })
			res.Rejoin = w.now - from
		})
	}
	w.run(w.now + 100*time.Millisecond)
	if !w.agree(from + time.Minute) {
		return res, fmt.Errorf("not healed within %v: %w", w.now-from, w.why())
	}
	res.Healed = w.now - from
	res.HealBytes = (w.stats.Bytes - before.Bytes) / uint64(nodes)
	res.Events = w.stats.Events
	tell("healed %v after the cut, the last node had rejoined after %v: %d kB sent by a node", res.Healed, res.Rejoin, res.HealBytes/1000)
	return res, nil
}

// meetAll tells a node of those members for which want is true.
func (w *World) meetAll(n *node, want func(*node) bool) {
	for _, q := range w.nodes {
		if q != n && want(q) {
			*n.peer(q) = peerView{known: true, up: true, life: q.life, since: w.now}
			n.rep.MemberUp(n.moment(), spread.Member{ID: q.id, Zone: q.zone})
		}
	}
	w.settle(n)
}

// loseHalf tells a node that the other half is dead.
func (w *World) loseHalf(n *node, half int) {
	for _, q := range w.nodes {
		if (q.index < half) != (n.index < half) {
			n.peer(q).up = false
			n.rep.MemberDown(n.moment(), spread.Member{ID: q.id, Zone: q.zone}, false)
		}
	}
	w.settle(n)
}

// put registers the i-th instance at a node.
func (w *World) put(n *node, i int) {
	_, _, err := n.rep.Register(n.moment(), &muster.Instance{
		Service: "service-" + strconv.Itoa(i%100), ID: "instance-" + strconv.Itoa(i), Address: "10.1.2.3", Port: 8080, TTL: time.Hour,
		Metadata: map[string]string{"version": "1.2.3", "zone": n.zone},
	}, false)
	if err != nil {
		w.fail("anytime_valid_registrations_are_taken", "%s: %v", n.name, err)
	}
}

// agree lets time pass until all nodes hold the same, and reports whether that was before end.
func (w *World) agree(end time.Duration) bool {
	for w.now < end && w.failure == nil {
		first, equal := w.nodes[0].rep.Digest(), true
		for _, n := range w.nodes {
			equal = equal && n.rep.Digest() == first
		}
		if equal {
			return true
		}
		w.run(w.now + 20*time.Millisecond)
	}
	return false
}

func (w *World) why() error {
	if w.failure != nil {
		return w.failure
	}
	return fmt.Errorf("%s", difference(w.nodes[0], w.nodes[len(w.nodes)-1]))
}

// traffic is the deltas that nodes got for the first time, and those that they got at all.
func (w *World) traffic() (fresh, copies uint64) {
	for _, n := range w.nodes {
		t := n.rep.Traffic()
		fresh += t.Fresh
		copies += t.Fresh + t.Duplicates
	}
	return fresh, copies
}
