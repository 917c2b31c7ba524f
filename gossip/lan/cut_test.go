package lan

import (
	"fmt"
	"testing"
	"time"

	"github.com/musterhq/muster/gossip/gossiptest"
)

// A cut heals within the longest pause of the rejoin loop (15 s with profile lan) and the time that the news takes to
// get round (5 s with 10 nodes).
func TestCutOfAnyLengthHealsWithinTheRejoinPause(t *testing.T) {
	for _, c := range []struct {
		cut   time.Duration
		count int
		loss  float64
	}{
		{20 * time.Second, 10, 0},
		{2 * time.Minute, 10, 0},
		{2 * time.Minute, 10, 0.05},
		{20 * time.Minute, 6, 0},
	} {
		t.Run(fmt.Sprint(c.cut, " loss ", c.loss), func(t *testing.T) {
			bubble(t, gossiptest.Options{Loss: c.loss}, func(t *testing.T, n *gossiptest.Network) {
				ds := cluster(t, n, c.count, nil)
				half := c.count / 2
				n.Partition(names(ds[:half]))
				time.Sleep(c.cut)
				tries := ds[0].Stats().RejoinTries
				// Half of 10 nodes need up to 25 s to give up the other half.
				if c.cut > time.Minute && (!agree(ds[:half]) || !agree(ds[half:])) {
					t.Fatal("the halves do not know that they are halves")
				}
				n.Heal()
				took := within(t, 20*time.Second, "all agree again", func() bool { return agree(ds) })
				if c.cut > time.Minute && tries == 0 {
					t.Error("nobody tried to rejoin")
				}
				t.Logf("%d nodes, cut of %v: healed after %v", c.count, c.cut, took)
				time.Sleep(time.Minute)
				if !agree(ds) {
					t.Error("it did not last")
				}
			})
		})
	}
}

func TestOneWayCutHarmsNobody(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		ds := cluster(t, n, 5, nil)
		n.Cut("n01", "n03")
		time.Sleep(3 * time.Minute)
		for _, d := range ds {
			for _, e := range ds {
				for _, k := range d.seen(e.cfg.Name) {
					if k == EventFailed {
						t.Errorf("%s saw %s as failed", d.cfg.Name, e.cfg.Name)
					}
				}
			}
		}
		if !agree(ds) {
			t.Error("they no longer agree")
		}
	})
}

// Five nodes do not hear three others any more, and tell them that they are dead. What the three have to say to each other
// is heard all the same, and whoever speaks is taken back at once, however many others are missed.
func TestMembersThatAnotherSideCannotHearKeepEachOther(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		for range 5 {
			ds := cluster(t, n, 8, nil)
			silenced, deaf := ds[:3], ds[3:]
			for _, from := range silenced {
				for _, to := range deaf {
					n.Cut(from.cfg.Name, to.cfg.Name)
				}
			}
			lost := map[string]int{} // for how many seconds on end one of the three has missed another
			for range 120 {
				for _, d := range silenced {
					for _, e := range silenced {
						pair := e.cfg.Name + " at " + d.cfg.Name
						if lost[pair]++; d.state(e.cfg.Name) == StateAlive {
							lost[pair] = 0
						}
						if lost[pair] > 4 {
							t.Fatalf("%s has been missed for %d s", pair, lost[pair])
						}
						_ = d.Send(e.cfg.Name, []byte("news")) // Unknown to those who miss it: they send nothing.
					}
				}
				time.Sleep(time.Second)
			}
			n.Heal()
			within(t, 20*time.Second, "all agree again", func() bool { return agree(ds) })
			for _, d := range ds {
				_ = d.Close()
			}
		}
	})
}

func TestNodeThatStartsInACutFindsItsSeedLater(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		ds := cluster(t, n, 2, nil)
		n.Isolate("late")
		late := start(t, n, "late", func(c *Config) { c.Seeds = []string{ds[0].Addr()} })
		if got := len(late.Members().Alive()); got != 1 {
			t.Fatalf("it sees %d", got)
		}
		time.Sleep(10 * time.Minute)
		n.Heal()
		within(t, 20*time.Second, "it is taken in", func() bool { return agree(append(ds, late)) })
	})
}

// Each half has seeds of its own, and the nodes that started during the cut never knew the other half.
func TestHalvesThatNeverMetComeTogetherByTheirSeeds(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		n.Partition([]string{"a", "b"}, []string{"c", "d"})
		a, c := start(t, n, "a", nil), start(t, n, "c", nil)
		seeds := func(k *Config) { k.Seeds = []string{a.Addr(), c.Addr()} }
		b, d := start(t, n, "b", seeds), start(t, n, "d", seeds)
		time.Sleep(time.Minute)
		if !agree([]*node{a, b}) || !agree([]*node{c, d}) {
			t.Fatal("the halves are not formed")
		}
		n.Heal()
		within(t, 20*time.Second, "all agree", func() bool { return agree([]*node{a, b, c, d}) })
	})
}

func TestSeedThatIsNoMembersAddressIsNotJoinedForEver(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		a := start(t, n, "a", nil)
		c := start(t, n, "c", func(k *Config) { k.Seeds = []string{a.Addr()} })
		proxy := n.Transport("proxy")
		defer func() { _ = proxy.Shutdown() }()
		done := make(chan struct{})
		defer close(done)
		go balance(proxy, a.tr, done)
		b := start(t, n, "b", func(k *Config) { k.Seeds = []string{proxy.Addr()} })
		within(t, 20*time.Second, "b is taken in through the proxy", func() bool { return agree([]*node{a, b, c}) })
		time.Sleep(9 * time.Minute)
		if s := b.Stats(); s.RejoinTries < 1 || s.RejoinTries > 3 {
			t.Errorf("%d tries in 9 minutes, want one each five minutes", s.RejoinTries)
		}
	})
}

// The news of the join is lost to one node, and nothing but the greeting tells it before the next exchange of state.
func TestMemberThatMissedAJoinLearnsOfItByTheGreeting(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		slow := func(c *Config) { c.RejoinMin, c.RejoinMax = time.Hour, time.Hour }
		ds := cluster(t, n, 2, slow)
		time.Sleep(5 * time.Second)
		n.Cut("n00", "n01")
		n.Cut("late", "n01")
		late := start(t, n, "late", func(c *Config) { slow(c); c.Seeds = []string{ds[0].Addr()} })
		time.Sleep(950 * time.Millisecond)
		n.Heal()
		if ds[1].state("late") == StateAlive {
			t.Fatal("the news was not lost")
		}
		within(t, 2*time.Second, "n01 sees it", func() bool { return ds[1].state("late") == StateAlive })
		if !agree([]*node{ds[0], ds[1], late}) {
			t.Error("they do not agree")
		}
	})
}

func names(ds []*node) (out []string) {
	for _, d := range ds {
		out = append(out, d.cfg.Name)
	}
	return out
}
