package spread_test

import (
	"math/rand/v2"
	"testing"

	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/gossip/spread"
)

// Nothing of a private origin goes over a link or is taken from one: neither as a write, nor as an answer, nor as news.
func TestPrivateOriginsGoOverNoLink(t *testing.T) {
	self := causal.Origin{Node: "dc1/a", Incarnation: 1}
	s := newStore(self.Private())
	e, err := spread.New(spread.Config{Self: self.Node, Rand: rand.New(rand.NewPCG(1, 2)), Store: s})
	if err != nil {
		t.Fatal(err)
	}
	now := spread.Instant(0)
	pushes := map[string]int{}
	step := func(in spread.Input) {
		t.Helper()
		for _, o := range e.Step(now, in) {
			switch o.Msg.(type) {
			case spread.Push, spread.Have, spread.Want:
				pushes[o.To]++
			}
		}
	}
	step(spread.MemberUp{Member: spread.Member{ID: "dc1/b"}})
	step(spread.LinkUp{Peer: "dc2/a"})
	delta := s.write("k", "v")
	step(spread.Local{Origin: self.Private(), Deltas: []spread.Delta{delta}})
	span := []spread.Span{{Origin: self.Private(), Range: causal.Range{First: 1, Last: 1}}}
	step(spread.Received{From: "dc1/b", Msg: spread.Want{Spans: span}})
	if pushes["dc1/b"] != 2 || pushes["dc2/a"] != 0 {
		t.Fatalf("sent %v, want a write and an answer to the member", pushes)
	}
	foreign := causal.Origin{Node: "dc2/a", Incarnation: 1}.Private()
	for n, m := range []spread.Message{
		spread.Want{Spans: span},
		spread.Have{Spans: []spread.Span{{Origin: foreign, Range: causal.Range{First: 1, Last: 9}}}},
		spread.Push{Frames: []spread.Frame{{Origin: foreign, Deltas: []spread.Delta{{Seq: 5, Body: []byte("1 k w")}}}}},
	} {
		step(spread.Received{From: "dc2/a", Msg: m})
		if got := e.Stats().Malformed; got != uint64(n+1) {
			t.Errorf("%d malformed after a %s", got, m.Kind())
		}
	}
	for range 20 {
		now += 50 * ms
		step(spread.Tick{})
	}
	if pushes["dc2/a"] != 0 || s.vector.Head(foreign) != 0 {
		t.Errorf("sent %v, cover %v", pushes, s.vector.Origins())
	}
}
