package spread_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/gossip/spread"
)

// twins makes the first two nodes of a cluster such that their origins share a tag, and returns them.
func twins(c *cluster) (a, b *node) {
	c.t.Helper()
	a, b = c.nodes[0], c.nodes[1]
	a.origin.Incarnation, b.origin.Incarnation = 409_330-1, 2_486-1
	c.boot(a)
	c.boot(b)
	if tagOf(a.origin) != tagOf(b.origin) {
		c.t.Fatalf("%v and %v do not share a tag", a.origin, b.origin)
	}
	for _, n := range c.nodes {
		for _, twin := range []*node{a, b} {
			if n != twin {
				c.meet(n, twin)
			}
		}
	}
	c.run(2 * time.Second)
	return a, b
}

// same reports a record that is not what its origin wrote.
func (c *cluster) same() {
	c.t.Helper()
	for _, n := range c.nodes {
		for _, r := range n.store.keys {
			if want := r.stamp.Dot.Origin.String(); r.value != want {
				c.t.Fatalf("%s holds a write of %s as that of %v", n.id, r.value, r.stamp.Dot)
			}
		}
	}
}

// Whatever is lost: what either has written is nowhere taken for a write of the other, and arrives everywhere.
func TestTwoOriginsThatShareATagAreNeverTakenForEachOther(t *testing.T) {
	for seed := range uint64(6) {
		c := newCluster(t, seed, 6, nil)
		c.loss = 0.1
		c.nameless = seed%2 == 1
		a, b := twins(c)
		for i := range 60 {
			// The one writes for a while before the other begins, so that all go by the tag as that of the one.
			if c.write(a, 1, a.origin.String()); i >= 20 {
				c.write(b, 1, b.origin.String())
			}
			c.run(20 * ms)
			c.same()
		}
		c.run(5 * time.Second)
		c.same()
		if !c.agreed() {
			t.Fatalf("seed %d: they do not agree", seed)
		}
		for _, n := range c.nodes {
			if got := n.store.vector.Prefix(a.origin) + n.store.vector.Prefix(b.origin); got != 100 {
				t.Fatalf("seed %d: %s has %d of 100 writes", seed, n.id, got)
			}
		}
	}
}

// A node that knows both cannot tell whose a write is that goes by their tag. It takes it for no one's, and syncs.
func TestAWriteByATagThatCouldBeOfTwoIsFetchedByASync(t *testing.T) {
	c := newCluster(t, 1, 3, nil)
	a, b := twins(c)
	c.write(a, 1, a.origin.String())
	c.write(b, 1, b.origin.String())
	c.run(time.Second)
	n := c.nodes[2]
	before, digest := n.engine.Stats(), n.store.Digest()
	c.step(n, spread.Received{From: a.id, Msg: spread.Push{Frames: []spread.Frame{
		{Origin: tagOf(a.origin), Fanout: 1, Deltas: []spread.Delta{a.store.write("k", a.origin.String())}},
	}}})
	if n.store.Digest() != digest {
		t.Fatal("it was taken in")
	}
	c.run(100 * ms)
	after := n.engine.Stats()
	if after.Unnamed != before.Unnamed+1 || after.Syncs != before.Syncs+1 || n.store.vector.Head(a.origin) != 2 {
		t.Fatalf("%d unnamed, %d syncs, head %d", after.Unnamed-before.Unnamed, after.Syncs-before.Syncs, n.store.vector.Head(a.origin))
	}
	c.same()
}

// Who has received none of an origin's first writes cannot know its tag. The next write shows that there is something, and
// no digest is needed.
func TestWhoMissedTheFirstWritesOfAnOriginFetchesThemAtTheNext(t *testing.T) {
	c := newCluster(t, 3, 5, nil)
	c.nameless = true
	c.boot(c.nodes[0])
	for _, n := range c.nodes[1:] {
		c.meet(c.nodes[0], n)
	}
	c.run(2 * time.Second)
	c.digests = false
	deaf := c.nodes[4]
	c.cut = func(a, b *node) bool { return a == deaf || b == deaf }
	for range 10 {
		c.write(c.nodes[0], 1, c.nodes[0].origin.String())
		c.run(30 * ms)
	}
	c.run(3 * time.Second) // Until the writer has announced its last one for the last time.
	c.cut = nil
	c.run(time.Second)
	if deaf.store.vector.Head(c.nodes[0].origin) != 0 {
		t.Fatal("it has heard of the writes all the same")
	}
	c.write(c.nodes[0], 1, c.nodes[0].origin.String())
	c.run(100 * ms)
	if !c.agreed() || deaf.store.vector.Prefix(c.nodes[0].origin) != 11 || deaf.engine.Stats().Unnamed == 0 {
		t.Fatalf("has %d of 11 writes, %d unnamed", deaf.store.vector.Prefix(c.nodes[0].origin), deaf.engine.Stats().Unnamed)
	}
}

// Members know each other's lives, so that what one of them writes is understood before anything else of it has come.
func TestAMembersTagIsUnderstoodBeforeItsFirstWriteHasCome(t *testing.T) {
	st := newStore(causal.Origin{Node: "a", Incarnation: 1})
	e, err := spread.New(spread.Config{Self: "a", Store: st, Rand: rand.New(rand.NewPCG(1, 1))})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Duration(0)
	push := func(o causal.Origin) {
		e.Step(now, spread.Received{From: "b", Msg: spread.Push{Frames: []spread.Frame{
			{Origin: tagOf(o), Deltas: []spread.Delta{{Seq: 1, Body: []byte("1 k v")}}},
		}}})
	}
	first, second := causal.Origin{Node: "b", Incarnation: 7}, causal.Origin{Node: "b", Incarnation: 8}
	e.Step(0, spread.MemberUp{Member: spread.Member{ID: "b", Incarnation: 7}})
	push(first)
	push(second)
	if s := e.Stats(); s.Unnamed != 1 || !st.Covers(causal.Dot{Origin: first, Seq: 1}) {
		t.Fatalf("of its first life: %+v", s)
	}
	e.Step(0, spread.MemberUp{Member: spread.Member{ID: "b", Incarnation: 8}})
	now = 5 * time.Second
	push(causal.Origin{Node: "c", Incarnation: 1}) // Of nobody, so that the engine looks at who there is.
	if push(second); e.Stats().Unnamed != 2 || !st.Covers(causal.Dot{Origin: second, Seq: 1}) {
		t.Fatalf("of its second life: %+v", e.Stats())
	}
}

// Tags that stand for nothing cost a look at the store once a second, and nothing else grows.
func TestTagsOfNobodyCostTheStoreOneLookASecond(t *testing.T) {
	st := &listing{store: newStore(causal.Origin{Node: "a", Incarnation: 1})}
	e, err := spread.New(spread.Config{Self: "a", Store: st, Rand: rand.New(rand.NewPCG(1, 1))})
	if err != nil {
		t.Fatal(err)
	}
	e.Step(0, spread.MemberUp{Member: spread.Member{ID: "b"}})
	const seconds, each = 5, 200
	for i := range seconds * each {
		o := causal.Origin{Incarnation: uint64(i) + 1}
		e.Step(time.Duration(i)*time.Second/each, spread.Received{From: "b", Msg: spread.Have{Spans: []spread.Span{
			{Origin: o, Range: causal.Range{First: 5, Last: 5}},
		}}})
	}
	s := e.Stats()
	if st.lists > seconds+1 || s.Unnamed != seconds*each || s.SyncsWaiting > 1 || s.Syncs > seconds*5+1 {
		t.Fatalf("%d looks in %d s, %s", st.lists, seconds, fmt.Sprintf("%+v", s))
	}
}

// listing counts how often the engine asks for all origins.
type listing struct {
	*store
	lists int
}

func (s *listing) Origins() []causal.Origin { s.lists++; return s.store.Origins() }

// Under a flood of writes announcements name the latest writers, and in the end all of them.
func TestEveryWriterIsAnnouncedInTheEndHoweverSmallTheRate(t *testing.T) {
	st := newStore(causal.Origin{Node: "a", Incarnation: 1})
	e, err := spread.New(spread.Config{Self: "a", Store: st, Rand: rand.New(rand.NewPCG(1, 1)), AnnounceRate: 500, AnnounceBurst: 500})
	if err != nil {
		t.Fatal(err)
	}
	announced := map[causal.Origin]bool{}
	step := func(now time.Duration, in spread.Input) {
		for _, o := range e.Step(now, in) {
			if m, ok := o.Msg.(spread.Have); ok {
				for _, s := range m.Spans {
					announced[s.Origin] = true
				}
			}
		}
	}
	for _, id := range []string{"b", "c", "d"} {
		step(0, spread.MemberUp{Member: spread.Member{ID: id}})
	}
	const writers = 60
	for i := range writers {
		step(0, spread.Received{From: "b", Msg: spread.Push{Frames: []spread.Frame{{
			Origin: causal.Origin{Node: fmt.Sprintf("dc1/w%02d", i), Incarnation: 1}, Deltas: []spread.Delta{{Seq: 1, Body: []byte("1 k v")}},
		}}}})
	}
	for now, ok := e.Next(); ok && now < 30*time.Second; now, ok = e.Next() {
		step(now, spread.Tick{})
	}
	if len(announced) != writers {
		t.Fatalf("%d of %d writers were announced", len(announced), writers)
	}
}
