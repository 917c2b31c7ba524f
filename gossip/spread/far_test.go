package spread_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/gossip/spread"
)

// oneWay is what a message takes from one data centre to another.
const oneWay = 20 * ms

func datacenter(n *node) string { return strings.Split(n.id, "/")[0] }

// newWorld is data centres of so many nodes each, in which the first is the gateway, and no links.
func newWorld(t *testing.T, seed uint64, sizes ...int) (c *cluster, gateways []*node) {
	t.Helper()
	c = newCluster(t, seed, 0, nil)
	c.far = func(from, to *node) time.Duration {
		if datacenter(from) != datacenter(to) {
			return oneWay
		}
		return 0
	}
	for dc, size := range sizes {
		var members []*node
		for i := range size {
			members = append(members, c.add(fmt.Sprintf("dc%d/n%d", dc+1, i), ""))
		}
		for i, a := range members {
			for _, b := range members[:i] {
				c.meet(a, b)
			}
		}
		gateways = append(gateways, members[0])
	}
	c.run(2 * time.Second)
	return c, gateways
}

// link joins two gateways or parts them, and lets everyone know.
func (c *cluster) link(gateways []*node, links map[[2]int]bool, a, b int, up bool) {
	links[[2]int{min(a, b), max(a, b)}] = up
	for _, pair := range [][2]*node{{gateways[a], gateways[b]}, {gateways[b], gateways[a]}} {
		if up {
			c.step(pair[0], spread.LinkUp{Peer: pair[1].id})
		} else {
			c.step(pair[0], spread.LinkDown{Peer: pair[1].id})
		}
	}
	for i := range gateways {
		var to []string
		for j := range gateways {
			if i != j && links[[2]int{min(i, j), max(i, j)}] {
				to = append(to, datacenter(gateways[j]))
			}
		}
		for _, n := range c.nodes {
			c.step(n, spread.Linked{Datacenter: datacenter(gateways[i]), To: to})
		}
	}
}

// A write crosses each link once, a network's delay after it was made, and reaches every node of the other side once.
func TestAWriteGoesToEachDatacenterOnce(t *testing.T) {
	c, gateways := newWorld(t, 1, 4, 4, 1)
	links := map[[2]int]bool{}
	for _, pair := range [][2]int{{0, 1}, {0, 2}, {1, 2}} {
		c.link(gateways, links, pair[0], pair[1], true)
	}
	c.run(2 * time.Second)
	clear(c.copies)
	const writes = 300
	for range writes {
		c.write(c.nodes[c.rng.IntN(len(c.nodes))], 1, "v")
		c.run(5 * ms)
	}
	c.settle(time.Second)
	if got := c.perNode(); got > 1.02 {
		t.Errorf("%.3f copies of a delta at each node", got)
	}
	var took []time.Duration
	for dot, seen := range c.seen {
		for _, at := range seen {
			took = append(took, at.at-c.born[dot])
		}
		if len(seen) != len(c.nodes) {
			t.Errorf("%v is at %d nodes", dot, len(seen))
		}
	}
	slices.Sort(took)
	if p99 := took[len(took)*99/100]; p99 > oneWay+5*ms {
		t.Errorf("p99 %v", p99)
	}
}

// Where two data centres have no link, what one writes comes to the other by the third, as it happens.
func TestACutBetweenTwoDatacentersIsBridgedByTheThird(t *testing.T) {
	c, gateways := newWorld(t, 2, 3, 3, 3)
	links := map[[2]int]bool{}
	for _, pair := range [][2]int{{0, 1}, {0, 2}, {1, 2}} {
		c.link(gateways, links, pair[0], pair[1], true)
	}
	c.run(2 * time.Second)
	c.link(gateways, links, 0, 1, false)
	before := len(c.seen)
	for range 100 {
		c.write(c.nodes[c.rng.IntN(len(c.nodes))], 1, "bridged")
		c.run(10 * ms)
	}
	c.run(2*oneWay + 10*ms)
	if !c.agreed() {
		t.Fatal("two hops and a little later not all agree")
	}
	if len(c.seen)-before != 100 {
		t.Fatal("not all writes were seen")
	}
	c.link(gateways, links, 0, 1, true)
	c.write(c.nodes[1], 1, "direct")
	c.run(oneWay + 5*ms)
	if !c.agreed() {
		t.Fatal("the link that came back carries nothing")
	}
}

// A link that swallows everything without ending is noticed by neither of its ends; digests over the other links heal it.
func TestWhatASilentLinkSwallowsComesByTheOthers(t *testing.T) {
	c, gateways := newWorld(t, 3, 2, 2, 2)
	links := map[[2]int]bool{}
	for _, pair := range [][2]int{{0, 1}, {0, 2}, {1, 2}} {
		c.link(gateways, links, pair[0], pair[1], true)
	}
	c.run(2 * time.Second)
	c.cut = func(a, b *node) bool {
		return a == gateways[0] && b == gateways[1] || a == gateways[1] && b == gateways[0]
	}
	c.write(gateways[0], 5, "a")
	c.write(gateways[1], 5, "b")
	if took := c.settle(10 * time.Second); took < oneWay {
		t.Fatalf("agreed after %v: the link was not cut", took)
	}
	c.cut = nil
}

// Two data centres that have grown apart send each other what the other lacks, in both directions, in pieces that a slow
// link can carry.
func TestALinkBeginsWithWhatEachSideLacks(t *testing.T) {
	c, gateways := newWorld(t, 4, 3, 3)
	for _, n := range c.nodes {
		for range 50 {
			c.write(n, 20, strings.Repeat("x", 100))
		}
	}
	c.run(5 * time.Second)
	var farthest int
	c.far = func(from, to *node) time.Duration {
		if datacenter(from) == datacenter(to) {
			return 0
		}
		for _, s := range []spread.Stats{from.engine.Stats()} {
			for _, k := range []spread.Kind{spread.KindSyncChunk, spread.KindPush} {
				if m := s.Sent[k].Messages; m > 0 {
					farthest = max(farthest, int(s.Sent[k].Bytes/m))
				}
			}
		}
		return oneWay
	}
	c.link(gateways, map[[2]int]bool{}, 0, 1, true)
	t.Logf("agreed after %v, messages of at most %d bytes on average", c.settle(10*time.Second), farthest)
	if farthest > 128<<10 {
		t.Errorf("messages of %d bytes on average", farthest)
	}
}

// Digests that differ although neither side lacks anything, as where one has forgotten an origin that the other remembers,
// do not make the far ends sync for ever.
func TestFarEndsThatHaveNothingToTellEachOtherStop(t *testing.T) {
	c, gateways := newWorld(t, 6, 1, 1)
	c.link(gateways, map[[2]int]bool{}, 0, 1, true)
	c.run(5 * time.Second)
	e := gateways[0].engine
	before := e.Stats().Syncs
	other := gateways[1].store.Digest()
	other.Vector++
	for range 60 {
		c.step(gateways[0], spread.Received{From: gateways[1].id, Msg: spread.Compare{Digest: other}})
		c.run(2 * time.Second)
	}
	if syncs := e.Stats().Syncs - before; syncs < 1 || syncs > 4 {
		t.Errorf("%d syncs in two minutes that bring nothing", syncs)
	}
	c.write(gateways[1], 3, "new")
	c.settle(time.Second)
}

// What is done to a link that is not one, or by one that is, does no harm.
func TestLinksAndMembersAreKeptApart(t *testing.T) {
	c, gateways := newWorld(t, 5, 2, 1)
	e := gateways[0].engine
	for _, in := range []spread.Input{
		spread.LinkDown{Peer: "dc2/n0"},
		spread.LinkUp{},
		spread.LinkUp{Peer: gateways[0].id},
		spread.LinkUp{Peer: "dc1/n1"},
		spread.Received{From: "dc9/x", Msg: spread.Compare{}},
	} {
		if out := e.Step(c.now, in); len(out) > 0 {
			t.Errorf("%T is answered with %v", in, out)
		}
	}
	c.step(gateways[0], spread.LinkUp{Peer: "dc2/n0"})
	if n := e.Stats().Members; n != 2 {
		t.Errorf("%d members: a link is no membership", n)
	}
	c.step(gateways[0], spread.Received{From: "dc2/n0", Msg: spread.Push{Frames: []spread.Frame{{
		Origin: causal.Origin{Node: "dc2/n0", Incarnation: 1}, Root: "dc2/n0", Fanout: 1, Deltas: []spread.Delta{},
	}}}})
	if e.Stats().Malformed != 1 {
		t.Error("an empty frame over a link was not counted")
	}
}
