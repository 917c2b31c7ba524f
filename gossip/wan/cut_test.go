package wan

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/gossip/gossiptest"
)

// holder is the gateway of a data centre that holds the link of a pair.
func holder(t *testing.T, ds []*node, p pair, dc string) *node {
	t.Helper()
	return byID(ds, first(ds[0].Members(), p, dc))
}

// cutPair cuts all of one data centre from all of another, and from nobody else.
func cutPair(n *gossiptest.Network, ds []*node, x, y string) {
	for _, a := range group(ds, x) {
		for _, b := range group(ds, y) {
			n.CutBoth(a, b)
		}
	}
}

// A link is given up 6 s after the last byte, and is back within the longest pause between two tries, 5 s, and the time of
// one that was under way when the cut healed, 5 s.
func TestCutPairLosesItsLinkAndGetsItBack(t *testing.T) {
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		ds := world(t, n, []int{3, 3, 3}, nil)
		ab := pair{"a", "b"}
		a, b := holder(t, ds, ab, "a"), holder(t, ds, ab, "b")
		cutPair(n, ds, "a", "b")
		took := within(t, 9*time.Second, "both ends give up", func() bool { return len(between(ds, "a", "b")) == 0 })
		t.Logf("given up after %v", took)
		told := within(t, 10*time.Second, "everyone's tags say so", func() bool {
			for _, d := range ds {
				for _, m := range d.Members().Alive() {
					if m.Datacenter == "a" && m.LinkedTo("b") || m.Datacenter == "b" && m.LinkedTo("a") {
						return false
					}
				}
			}
			return true
		})
		t.Logf("known to all %v later", told)
		for range 10 {
			time.Sleep(time.Minute)
			if !agree(ds) {
				t.Fatal("Serf takes members for dead that a third data centre reaches")
			}
			if len(between(ds, "a", "c")) != 1 || len(between(ds, "b", "c")) != 1 {
				t.Fatal("a cut between two data centres harms the links to the third")
			}
		}
		if got := a.linkEvents(b.ID()); !slices.Equal(got, []string{"up", "down"}) {
			t.Errorf("events %v", got)
		}
		n.Heal()
		took = within(t, 11*time.Second, "a link is up", func() bool { return len(between(ds, "a", "b")) > 0 })
		t.Logf("back after %v", took)
		took = within(t, time.Minute, "it is the chosen one alone", func() bool { return linked(ds) && chosen(ds) })
		t.Logf("alone after another %v", took)
	})
}

func TestDeathOfAnEndMovesItsLinksWithinSeconds(t *testing.T) {
	for _, c := range []struct {
		name  string
		dc    string
		die   func(*gossiptest.Network, *node)
		limit time.Duration
	}{
		// A silent death is noticed by the other end of the link after 6 s; an acceptor's by the dialer, which dials at
		// once, a dialer's by the acceptor, whose tags tell the next dialer, which waits for 2 s.
		{"acceptor without power", "b", func(n *gossiptest.Network, d *node) { n.Isolate(d.ID()) }, 8 * time.Second},
		{"dialer without power", "a", func(n *gossiptest.Network, d *node) { n.Isolate(d.ID()) }, 13 * time.Second},
		// A process that dies resets its streams.
		{"acceptor killed", "b", func(_ *gossiptest.Network, d *node) { _ = d.tr.Shutdown() }, 2 * time.Second},
		{"dialer killed", "a", func(_ *gossiptest.Network, d *node) { _ = d.tr.Shutdown() }, 7 * time.Second},
		{"acceptor closes", "b", func(_ *gossiptest.Network, d *node) { _ = d.Close() }, 2 * time.Second},
		{"dialer closes", "a", func(_ *gossiptest.Network, d *node) { _ = d.Close() }, 7 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
				ds := world(t, n, []int{3, 3}, nil)
				dead := holder(t, ds, pair{"a", "b"}, c.dc)
				rest := slices.DeleteFunc(slices.Clone(ds), func(d *node) bool { return d == dead })
				c.die(n, dead)
				took := within(t, c.limit, "another link is up", func() bool { return len(between(rest, "a", "b")) > 0 })
				t.Logf("taken over after %v", took)
				within(t, 90*time.Second, "it is the chosen one alone", func() bool {
					return agree(rest) && linked(rest) && chosen(rest)
				})
			})
		})
	}
}

// The link of a gateway that leaves ends only when another is up.
func TestLeavingHandsTheLinksOver(t *testing.T) {
	for _, dc := range []string{"a", "b"} {
		bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
			ds := world(t, n, []int{2, 2}, nil)
			leaver := holder(t, ds, pair{"a", "b"}, dc)
			rest := slices.DeleteFunc(slices.Clone(ds), func(d *node) bool { return d == leaver })
			covered := true
			left := make(chan error, 1)
			go func() { left <- leaver.Leave(context.Background()) }()
			took := within(t, 20*time.Second, "it has left", func() bool {
				covered = covered && len(between(ds, "a", "b")) > 0
				return len(leaver.Links()) == 0
			})
			if err := <-left; err != nil {
				t.Fatal(err)
			}
			t.Logf("left after %v", took)
			if took > 8*time.Second {
				t.Error("its links were not ended when the word had gone round")
			}
			if !covered || len(between(rest, "a", "b")) == 0 {
				t.Errorf("there was a moment without a link (%v), or there is none now: %v", !covered, between(rest, "a", "b"))
			}
			within(t, time.Minute, "there is one link", func() bool { return linked(rest) })
			within(t, 5*time.Second, "all saw it leave", func() bool {
				for _, d := range rest {
					if d.state(leaver.ID()) != StateLeft {
						return false
					}
				}
				return true
			})
			if err := leaver.Send("a/g0", nil); err == nil {
				t.Error("it still sends")
			}
		})
	}
}

func TestDatacenterOfOneGatewayHasALinkToEachOther(t *testing.T) {
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		ds := world(t, n, []int{1, 3, 1}, nil)
		if got := ds[0].peers(); len(got) != 2 {
			t.Errorf("%s holds %v", ds[0].ID(), got)
		}
		n.Isolate(ds[0].ID())
		time.Sleep(10 * time.Minute)
		if len(ds[0].Links()) != 0 || len(ds[0].Members().Alive()) != 1 {
			t.Error("it does not know that it is alone")
		}
		n.Heal()
		took := within(t, 20*time.Second, "all links are up", func() bool { return linked(ds) })
		t.Logf("healed after %v", took)
	})
}

// The rejoin loop tries members that are missed after 5 to 15 s, and a dial takes at most 5 s; then the first dialer dials
// at once.
func TestDatacenterThatWasCutOffForTwentyHoursIsBackWithinTheRejoinPause(t *testing.T) {
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		ds := world(t, n, []int{1, 1}, nil)
		n.Partition(group(ds, "b"))
		time.Sleep(20 * time.Hour)
		if len(ds[0].Members().Alive()) != 1 || len(ds[1].Members().Alive()) != 1 {
			t.Fatalf("they see %v and %v", ds[0].Members().Alive(), ds[1].Members().Alive())
		}
		n.Heal()
		took := within(t, 20*time.Second, "all agree", func() bool { return agree(ds) })
		t.Logf("agreed after %v, linked %v later", took, within(t, 5*time.Second, "linked", func() bool { return linked(ds) }))
	})
}

// What Serf does by itself is measured too, to know what the rejoin loop is for.
func TestRejoinLoopIsFasterThanSerf(t *testing.T) {
	for _, own := range []bool{true, false} {
		bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
			ds := world(t, n, []int{2, 2, 2}, func(c *Config) {
				if !own {
					c.RejoinMin, c.RejoinMax = 1000*time.Hour, 1000*time.Hour
				}
			})
			worst, limit := time.Duration(0), 20*time.Second
			if !own {
				limit = 10 * time.Minute
			}
			for range 3 {
				n.Partition(group(ds, "c"))
				time.Sleep(2 * time.Minute)
				n.Heal()
				worst = max(worst, within(t, limit, "all agree", func() bool { return agree(ds) }))
			}
			t.Logf("own loop %v: the slowest of 3 heals took %v", own, worst)
		})
	}
}

func TestGatewayThatStartsInACutFindsItsSeedLater(t *testing.T) {
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		ds := world(t, n, []int{1, 1}, nil)
		n.Isolate("c/late")
		late := start(t, n, "c/late", func(c *Config) { c.Seeds = []string{ds[0].Addr()} })
		time.Sleep(10 * time.Minute)
		n.Heal()
		within(t, 20*time.Second, "it is taken in, and linked", func() bool {
			all := append(slices.Clone(ds), late)
			return agree(all) && linked(all)
		})
	})
}

func TestEventsTellWhatHappenedToMembers(t *testing.T) {
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		ds := world(t, n, []int{2, 1}, nil)
		n.Isolate("b/g0")
		within(t, 2*time.Minute, "it fails", func() bool { return ds[0].state("b/g0") == StateFailed })
		n.Heal()
		within(t, 30*time.Second, "it is back", func() bool { return ds[0].state("b/g0") == StateAlive })
		if err := ds[2].SetMeta(Meta{Incarnation: 1, HTTP: "new:1"}); err != nil {
			t.Fatal(err)
		}
		within(t, 5*time.Second, "its new metadata is known", func() bool {
			m, _ := ds[0].Members().Get("b/g0")
			return m.HTTP == "new:1" && m.Version == ""
		})
		if err := ds[2].Leave(context.Background()); err != nil {
			t.Fatal(err)
		}
		within(t, 5*time.Second, "it left", func() bool { return ds[0].state("b/g0") == StateLeft })
		time.Sleep(time.Second)
		var kinds []string
		ds[0].mu.Lock()
		for _, e := range ds[0].events {
			if e.Member.ID() == "b/g0" && (e.Kind != EventUpdated || e.Member.HTTP == "new:1") {
				kinds = append(kinds, e.Kind.String())
			}
		}
		ds[0].mu.Unlock()
		// Serf's word that it leaves may come after memberlist's that it is gone.
		got := strings.Join(slices.Compact(kinds), " ")
		if got = strings.Replace(got, "failed left", "left", 1); got != "joined failed joined updated left" {
			t.Errorf("events: %s", got)
		}
	})
}

func TestEstimatedRoundTripsComeCloseToTheNetworks(t *testing.T) {
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		ds := world(t, n, []int{1, 1, 1}, nil)
		if rtt, ok := ds[0].RTT("nobody/there"); ok {
			t.Errorf("to nobody: %v", rtt)
		}
		if rtt, ok := ds[0].RTT(ds[0].ID()); !ok || rtt != 0 {
			t.Errorf("to itself: %v, %v", rtt, ok)
		}
		time.Sleep(10 * time.Minute)
		for _, d := range ds[1:] {
			if rtt, ok := ds[0].RTT(d.ID()); !ok || rtt < 45*time.Millisecond || rtt > 75*time.Millisecond {
				t.Errorf("to %s: %v, %v", d.ID(), rtt, ok)
			}
		}
		for _, l := range ds[0].Links() {
			if l.RTT < 45*time.Millisecond || l.RTT > 75*time.Millisecond {
				t.Errorf("link to %s: %v", l.Peer, l.RTT)
			}
		}
	})
}
