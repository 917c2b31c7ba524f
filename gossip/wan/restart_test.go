package wan

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/gossip/gossiptest"
)

func (d *node) incarnation(id string) uint64 {
	m, _ := d.Members().Get(id)
	if m.State != StateAlive {
		return 0
	}
	return m.Incarnation
}

func (d *node) conflicts() (out []Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.events {
		if e.Kind == EventConflict {
			out = append(out, e)
		}
	}
	return out
}

// A gateway that restarts without a word is taken in and linked at once, at its old address or another, and its old life
// is forgotten.
func TestRestartedGatewayIsAnotherLifeAtOnce(t *testing.T) {
	for _, samePort := range []bool{true, false} {
		bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
			ds := world(t, n, []int{2, 1}, nil)
			old := ds[2]
			_ = old.tr.Shutdown()
			again := start(t, n, "b/g0", func(c *Config) {
				c.Meta.Incarnation, c.Seeds = 2, []string{ds[0].Addr()}
				if samePort {
					_ = c.Transport.Shutdown()
					tr, err := n.TransportAt("b/g0", 7946)
					if err != nil {
						t.Fatal(err)
					}
					c.Transport = tr
				}
			})
			rest := []*node{ds[0], ds[1], again}
			took := within(t, 5*time.Second, "all see the new life", func() bool {
				return ds[0].incarnation("b/g0") == 2 && ds[1].incarnation("b/g0") == 2
			})
			linkedAt := within(t, 10*time.Second, "it has its link", func() bool { return len(between(rest, "a", "b")) > 0 })
			t.Logf("same port %v: seen by all after %v, linked %v later", samePort, took, linkedAt)
			time.Sleep(2 * time.Minute)
			if c := slices.Concat(ds[0].conflicts(), ds[1].conflicts()); len(c) != 0 {
				t.Errorf("conflicts %+v", c)
			}
			for _, d := range rest {
				if got := len(d.serf.Members()); got != 3 {
					t.Errorf("%s: Serf remembers %d members", d.ID(), got)
				}
			}
			_ = old.Close()
		})
	}
}

// Two gateways of one name are told of and nothing else: both stay, and everyone sees the later one.
func TestNameConflictIsReportedAndNeverFatal(t *testing.T) {
	for _, incarnation := range []uint64{1, 2} {
		bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
			ds := world(t, n, []int{2, 1}, nil)
			twin := n.Transport("twin")
			d := start(t, n, "b/g0", func(c *Config) {
				_ = c.Transport.Shutdown()
				c.Transport, c.Meta.Incarnation, c.Seeds = twin, incarnation, []string{ds[0].Addr()}
			})
			within(t, 30*time.Second, "it is reported", func() bool { return len(ds[0].conflicts()) > 0 })
			e := ds[0].conflicts()[0]
			if addrs := e.Member.Addr + " " + e.Other; e.Member.ID() != "b/g0" || !strings.Contains(addrs, twin.Addr()) || !strings.Contains(addrs, ds[2].Addr()) {
				t.Errorf("reported %+v", e)
			}
			time.Sleep(5 * time.Minute)
			if got := len(ds[0].conflicts()); got > 7 {
				t.Errorf("reported %d times in five minutes", got)
			}
			if ds[0].state("b/g0") != StateAlive || len(between(ds[:2], "a", "a")) != 0 {
				t.Error("it is gone")
			}
			for _, x := range []*node{ds[2], d} {
				if x.serf.State().String() != "alive" {
					t.Errorf("one of the two is %v", x.serf.State())
				}
			}
		})
	}
}

// A gateway without seeds finds the others by its snapshot, although its own earlier life is in there at its own address.
func TestSnapshotBringsAGatewayBackWithoutSeeds(t *testing.T) {
	for range 6 { // Serf tries them in random order.
		dir := t.TempDir()
		bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
			ds := world(t, n, []int{1, 1}, func(c *Config) {
				if c.Datacenter == "b" {
					c.SnapshotPath = filepath.Join(dir, "gateways")
				}
			})
			time.Sleep(time.Second)
			if err := ds[1].Close(); err != nil {
				t.Fatal(err)
			}
			again := start(t, n, "b/g0", func(c *Config) {
				c.Meta.Incarnation, c.SnapshotPath = 2, filepath.Join(dir, "gateways")
				_ = c.Transport.Shutdown()
				tr, err := n.TransportAt("b/g0", 7946)
				if err != nil {
					t.Fatal(err)
				}
				c.Transport = tr
			})
			within(t, 10*time.Second, "it is back", func() bool {
				all := []*node{ds[0], again}
				return agree(all) && linked(all) && ds[0].incarnation("b/g0") == 2
			})
			if strings.Contains(again.log(), "Re-joined to previously known node: b:g0") {
				t.Error("it joined its own earlier life and was content")
			}
		})
	}
}

func TestDamagedSnapshotIsNoReasonNotToStart(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage")
	if err := os.WriteFile(garbage, append([]byte("alive: nonsense\nclock: x\n\xff\n"), noise(5000)...), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{garbage, dir, filepath.Join(dir, "no", "such", "folder")} {
		bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
			d := start(t, n, "a/g0", func(c *Config) { c.SnapshotPath = path })
			if path != garbage && !strings.Contains(d.log(), "starting without it") {
				t.Errorf("%s: the log says %q", path, d.log())
			}
			time.Sleep(time.Minute)
			if len(d.Members().Alive()) != 1 {
				t.Errorf("%s: it sees %v", path, d.Members().Alive())
			}
		})
	}
}

func TestRealSocketsLinkTalkAndMoveOn(t *testing.T) {
	ca := newAuthority(t)
	keys := func(c *Config) { c.Keys = [][]byte{key(1)} }
	secure := func(c *Config) { keys(c); c.TLS = ca.issue(t) }
	for name, edit := range map[string]func(*Config){"plain": func(*Config) {}, "keys": keys, "TLS": secure} {
		t.Run(name, func(t *testing.T) {
			a := start(t, nil, "a/g0", edit)
			seeded := func(c *Config) { edit(c); c.Seeds = []string{a.Addr()} }
			b := start(t, nil, "b/g0", seeded)
			ds := []*node{a, b, start(t, nil, "b/g1", seeded)}
			within(t, 20*time.Second, "they agree and are linked", func() bool { return agree(ds) && len(between(ds, "a", "b")) > 0 })
			to := byID(ds, a.peers()[0])
			big := noise(MaxMessage)
			if err := a.Send(to.ID(), big); err != nil {
				t.Fatal(err)
			}
			if err := to.Send(a.ID(), []byte("thanks")); err != nil {
				t.Fatal(err)
			}
			within(t, 10*time.Second, "both arrive", func() bool {
				return slices.Equal(to.received(a.ID()), []string{string(big)}) && slices.Equal(a.received(to.ID()), []string{"thanks"})
			})
			if err := to.Close(); err != nil {
				t.Fatal(err)
			}
			rest := slices.DeleteFunc(ds, func(d *node) bool { return d == to })
			took := within(t, 20*time.Second, "the other takes over", func() bool { return len(between(rest, "a", "b")) > 0 })
			t.Logf("taken over after %v", took)
		})
	}
}

func TestStartErrorsAreOneLineThatNamesTheValue(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for _, c := range []struct {
		name string
		edit func(*Config)
		want error
		word string
	}{
		{"port taken", func(c *Config) { c.Bind = taken.Addr().String() }, ErrBind, taken.Addr().String()},
		{"every interface of IPv6", func(c *Config) { c.Bind = "[::]:0" }, ErrConfig, `"[::]:0"`},
		{"no port", func(c *Config) { c.Bind = "127.0.0.1" }, ErrConfig, `"127.0.0.1"`},
		{"advertise a name", func(c *Config) { c.Advertise = "me:1" }, ErrConfig, `"me:1"`},
		{"short key", func(c *Config) { c.Keys = [][]byte{make([]byte, 15)} }, ErrConfig, "15 bytes"},
		{"no certificate", func(c *Config) { c.TLS = newAuthority(t).issue(t); c.TLS.Certificates = nil }, ErrConfig, "TLS"},
		{"no name", func(c *Config) { c.Name = "" }, ErrConfig, "Name"},
		{"slash", func(c *Config) { c.Datacenter = "a/b" }, ErrConfig, `"a/b"`},
		{"space", func(c *Config) { c.Zone = "a b" }, ErrConfig, `"a b"`},
		{"profile", func(c *Config) { c.Profile = "lan" }, ErrConfig, `"lan"`},
		{"seed", func(c *Config) { c.Seeds = []string{"host"} }, ErrConfig, `"host"`},
		{"seed without port", func(c *Config) { c.Seeds = []string{"host:0"} }, ErrConfig, `"host:0"`},
		{"incarnation", func(c *Config) { c.Meta.Incarnation = 0 }, ErrConfig, "Incarnation"},
		{"tags", func(c *Config) { c.Meta.HTTP = strings.Repeat("h", 500) }, ErrTooLarge, "HTTP has 500"},
		{"range", func(c *Config) { c.RejoinMin, c.RejoinMax = 2, 1 }, ErrConfig, "RejoinMin"},
		{"memory", func(c *Config) { c.Forget = -1 }, ErrConfig, "Forget"},
		{"queue", func(c *Config) { c.QueueBytes = 1000 }, ErrConfig, "QueueBytes"},
	} {
		d, err := boot(nil, "a/n", c.edit)
		if err == nil {
			_ = d.Close()
			t.Errorf("%s: started", c.name)
			continue
		}
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.word) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q", c.name, err)
		}
	}
}

func TestMetaThatDoesNotFitChangesNothing(t *testing.T) {
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		a, b := two(t, n, nil)
		if err := a.SetMeta(Meta{Incarnation: 1, HTTP: strings.Repeat("h", 500)}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("too long: %v", err)
		}
		if err := a.SetMeta(Meta{Incarnation: 2}); !errors.Is(err, ErrConfig) {
			t.Errorf("another incarnation: %v", err)
		}
		time.Sleep(time.Minute)
		if m, _ := b.Members().Get(a.ID()); m.HTTP != "g0:8761" || m.Incarnation != 1 || m.LAN != "10.1.1.1:7946" {
			t.Errorf("it says %+v", m)
		}
	})
}
