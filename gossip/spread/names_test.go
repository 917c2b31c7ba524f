package spread

import (
	"fmt"
	"strings"
	"testing"

	"github.com/musterhq/muster/catalog/causal"
)

// twins are two origins that share a tag, as one pair of four billion does.
func twins(t *testing.T) (a, b causal.Origin) {
	t.Helper()
	seen := map[uint32]causal.Origin{}
	for i := range 1 << 20 {
		o := causal.Origin{Node: fmt.Sprintf("dc1/n%03d", i%2), Incarnation: uint64(i)}
		if old, found := seen[tagOf(o)]; found && old.Node != o.Node {
			return old, o
		}
		seen[tagOf(o)] = o
	}
	t.Fatal("no two origins of a million share a tag")
	return a, b
}

func TestATagThatTwoKnownOriginsShareStandsForNeither(t *testing.T) {
	a, b := twins(t)
	n := names{by: map[uint32]name{}}
	n.learn(a)
	n.learn(a)
	if o, ok := n.find(tagOf(a)); !ok || o != a {
		t.Fatalf("the tag of the only one stands for %v, %v", o, ok)
	}
	n.learn(b)
	n.learn(a)
	if o, ok := n.find(tagOf(a)); ok {
		t.Fatalf("a tag of two stands for %v", o)
	}
	if o, ok := n.find(tagOf(a) + 1); ok {
		t.Fatalf("a tag of none stands for %v", o)
	}
}

// The tag is part of the protocol: all nodes of all versions must compute the same.
func TestTheTagOfAnOriginIsTheSameInEveryVersion(t *testing.T) {
	for o, want := range map[causal.Origin]uint32{
		{Node: "dc1/n1", Incarnation: 1}:             0x73774ac0,
		{Node: "dc1/n1", Incarnation: 2}:             0xf104c621,
		{Node: "dc2/n1", Incarnation: 1_800_000_000}: 0x3dd412dc,
	} {
		if got := tagOf(o); got != want {
			t.Errorf("%v has the tag %#x, want %#x", o, got, want)
		}
	}
}

func TestNewsOfTheLatestWritersGoesFirstWhenThereIsLittleRoom(t *testing.T) {
	var n news
	spelled := func(o causal.Origin, _ uint64) causal.Origin { return o }
	for _, node := range []string{"a", "b", "c", "d", "b"} {
		n.add(causal.Origin{Node: node}, causal.Range{First: n.turns + 1, Last: n.turns + 1})
	}
	one := spanSize(Span{causal.Origin{Node: "a"}, causal.Range{First: 1, Last: 1}})
	for i, want := range []string{"b b d", "c", "a", ""} {
		var got []string
		for _, s := range n.take([]int{3 * one, 0, 100, 100}[i], spelled) {
			got = append(got, s.Origin.Node)
		}
		if strings.Join(got, " ") != want {
			t.Fatalf("at %d came news of %v, want %s", i, got, want)
		}
	}
	if n.dots.Len() != 0 || len(n.turn) != 0 {
		t.Fatalf("left over: %v, %v", n.dots.Origins(), n.turn)
	}
}
