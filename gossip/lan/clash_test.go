package lan

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/gossip/gossiptest"
)

func TestSecondNodeOfANameIsRefusedAndToldWhereTheFirstIs(t *testing.T) {
	for _, incarnation := range []uint64{1, 2, 7} { // The same, and higher ones: neither is a restart.
		bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
			ds := cluster(t, n, 3, nil)
			twin, err := boot(n, "twin", func(c *Config) {
				c.Name, c.Meta.Incarnation, c.Seeds = "n01", incarnation, []string{ds[0].Addr()}
			})
			if err == nil {
				_ = twin.Close()
				t.Fatal("it was taken in")
			}
			if !errors.Is(err, ErrNameTaken) || !strings.Contains(err.Error(), ds[1].Addr()) {
				t.Fatalf("error %q, want the name taken by %s", err, ds[1].Addr())
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
			within(t, 5*time.Second, "the seed reports it", func() bool {
				return slices.Contains(ds[0].seen("n01"), EventConflict)
			})
			time.Sleep(30 * time.Second)
			if !agree(ds) {
				t.Error("the first node suffered")
			}
			for _, d := range ds {
				if got := d.incarnation("n01"); got != 1 {
					t.Errorf("%s sees incarnation %d", d.cfg.Name, got)
				}
				if k := d.seen("n01"); slices.Contains(k, EventFailed) || slices.Contains(k, EventLeft) {
					t.Errorf("%s has events %v", d.cfg.Name, k)
				}
			}
			if !strings.Contains(ds[0].log(), "two nodes have one name") {
				t.Error("the seed's log does not say so")
			}
		})
	}
}

func TestNameOfTheSeedItselfIsTakenToo(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		first := start(t, n, "n", nil)
		twin := start(t, n, "twin", func(c *Config) { c.Name, c.Meta.Incarnation = "n", 2 })
		joined, err := twin.Join(context.Background(), []string{first.Addr()})
		if joined != 0 || !errors.Is(err, ErrNameTaken) || !strings.Contains(err.Error(), first.Addr()) {
			t.Fatalf("joined %d, %v", joined, err)
		}
		within(t, 5*time.Second, "the first reports it", func() bool {
			return slices.Contains(first.seen("n"), EventConflict)
		})
		if got := len(first.Members().All()); got != 1 {
			t.Errorf("the first sees %d members", got)
		}
	})
}

// Two pools that meet are one from then on, whatever their members are called.
func TestClashOfTwoPoolsIsReportedAndKeepsNobodyApart(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		a1 := start(t, n, "a1", nil)
		x1 := start(t, n, "x1", func(c *Config) { c.Name, c.Seeds = "x", []string{a1.Addr()} })
		b1 := start(t, n, "b1", nil)
		x2 := start(t, n, "x2", func(c *Config) {
			c.Name, c.Meta.Incarnation, c.Seeds = "x", 2, []string{b1.Addr()}
		})
		if joined, err := a1.Join(context.Background(), []string{b1.Addr()}); joined != 1 || err != nil {
			t.Fatalf("joined %d, %v", joined, err)
		}
		within(t, 30*time.Second, "a1 and b1 see each other", func() bool {
			return a1.state("b1") == StateAlive && b1.state("a1") == StateAlive
		})
		for _, d := range []*node{a1, b1, x1, x2} {
			within(t, 30*time.Second, d.cfg.Name+" reports it", func() bool {
				return slices.Contains(d.seen("x"), EventConflict)
			})
		}
		if got := a1.incarnation("x"); got != 2 {
			t.Errorf("a1 sees incarnation %d, want the higher", got)
		}
		if m, _ := x1.Members().Get("x"); m.Addr != x1.Addr() {
			t.Errorf("x1 believes to be at %s", m.Addr)
		}
	})
}

func TestRestartOnAnotherPortIsTakenInAtOnce(t *testing.T) {
	for _, c := range []struct {
		name  string
		death func(*gossiptest.Network, *node)
		wait  time.Duration // until the restart
	}{
		{"killed, before its death was declared", func(_ *gossiptest.Network, d *node) { _ = d.Close() }, 0},
		{"killed, while it is suspected", func(_ *gossiptest.Network, d *node) { _ = d.Close() }, 4 * time.Second},
		{"killed, after its death was declared", func(_ *gossiptest.Network, d *node) { _ = d.Close() }, 20 * time.Second},
		{"killed, after memberlist forgot it", func(_ *gossiptest.Network, d *node) { _ = d.Close() }, 2 * time.Minute},
		{"left", func(_ *gossiptest.Network, d *node) { _, _ = d.Leave(context.Background()), d.Close() }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
				ds := cluster(t, n, 4, nil)
				c.death(n, ds[2])
				time.Sleep(c.wait)
				began := time.Now()
				again := start(t, n, "n02", func(k *Config) { k.Meta.Incarnation, k.Seeds = 2, []string{ds[0].Addr()} })
				if again.Addr() == ds[2].Addr() {
					t.Fatal("the port is the same")
				}
				// What it takes is to ask the old address, 1.5 s if it is silent, and 0.1 s of gossip, or the 1 to 2 s until
				// the greeting if gossip passes somebody over.
				within(t, 4*time.Second-time.Since(began), "all see the new life", func() bool {
					for _, d := range []*node{ds[0], ds[1], ds[3]} {
						m, _ := d.Members().Get("n02")
						if m.State != StateAlive || m.Incarnation != 2 || m.Addr != again.Addr() {
							return false
						}
					}
					return len(again.Members().Alive()) == 4
				})
				t.Logf("taken in after %v", time.Since(began))
				events := len(ds[0].seen("n02"))
				time.Sleep(3 * time.Minute)
				if !agree([]*node{ds[0], ds[1], again, ds[3]}) {
					t.Error("it did not last")
				}
				k := ds[0].seen("n02")
				if len(k) != events {
					t.Errorf("the end of the old life was reported as that of the new one: %v", k)
				}
				if slices.Contains(k, EventConflict) {
					t.Error("a restart was reported as a conflict")
				}
			})
		})
	}
}

func TestRestartOnTheSamePortIsTakenInAtOnce(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		ds := cluster(t, n, 3, nil)
		_ = ds[2].Close()
		began := time.Now()
		again := start(t, n, "n02", func(c *Config) {
			tr, err := n.TransportAt("n02", 7946)
			if err != nil {
				t.Fatal(err)
			}
			c.Transport, c.Meta.Incarnation, c.Seeds = tr, 2, []string{ds[0].Addr()}
		})
		if again.Addr() != ds[2].Addr() {
			t.Fatal("the port is another")
		}
		within(t, 3*time.Second, "all see the new life", func() bool {
			return ds[0].incarnation("n02") == 2 && ds[1].incarnation("n02") == 2
		})
		t.Logf("taken in after %v", time.Since(began))
		time.Sleep(2 * time.Minute)
		if !agree([]*node{ds[0], ds[1], again}) {
			t.Error("it did not last")
		}
	})
}

func TestNodeOfAnotherDatacenterIsRefusedWithBothNames(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		ds := cluster(t, n, 2, nil)
		_, err := boot(n, "far", func(c *Config) { c.Datacenter, c.Seeds = "dc2", []string{ds[0].Addr()} })
		if !errors.Is(err, ErrOtherDatacenter) {
			t.Fatalf("error %v", err)
		}
		for _, word := range []string{"dc1", "dc2", ds[0].Addr()} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%q does not say %s", err, word)
			}
		}
		time.Sleep(time.Minute)
		if !agree(ds) {
			t.Error("the pool suffered")
		}
	})
}

func TestOtherKeysAreRefusedAndARingOfBothIsNot(t *testing.T) {
	k1, k2 := []byte("0123456789abcdef"), []byte("0123456789abcdef0123456789abcdef")
	for _, c := range []struct {
		name        string
		there, here [][]byte
		want        error
	}{
		{"same", [][]byte{k1}, [][]byte{k1}, nil},
		{"different", [][]byte{k1}, [][]byte{k2}, ErrKey},
		{"only there", [][]byte{k1}, nil, ErrKey},
		{"only here", nil, [][]byte{k1}, ErrKey},
		{"rotation", [][]byte{k1, k2}, [][]byte{k2, k1}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
				a := start(t, n, "a", func(k *Config) { k.Keys = c.there })
				b, err := boot(n, "b", func(k *Config) { k.Keys, k.Seeds = c.here, []string{a.Addr()} })
				if !errors.Is(err, c.want) {
					t.Fatalf("error %v, want %v", err, c.want)
				}
				if err != nil {
					return
				}
				defer func() { _ = b.Close() }()
				within(t, 5*time.Second, "they agree", func() bool { return agree([]*node{a, b}) })
				if err := b.Send("a", []byte("hello")); err != nil {
					t.Fatal(err)
				}
				if err := a.SendReliable("b", []byte("hello")); err != nil {
					t.Fatal(err)
				}
				within(t, time.Second, "both messages", func() bool { return len(a.messages()) == 1 && len(b.messages()) == 1 })
			})
		})
	}
}
