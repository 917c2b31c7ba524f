package wan

import (
	"bytes"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/gossip/gossiptest"
)

// Keys are rotated as in the pool of a data centre: the new one everywhere, then it encrypts, then the old one goes. A
// link that began with the old key begins anew.
func TestKeysRotateWithoutLosingTheLinkForLong(t *testing.T) {
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		rings := map[string]*Keyring{}
		a, b := two(t, n, func(c *Config) {
			c.Keyring = ringOf(t, key(1))
			rings[c.Datacenter] = c.Keyring
		})
		for _, r := range rings {
			if err := r.AddKey(key(2)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		for _, r := range rings {
			if err := r.UseKey(key(2)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		if got := a.linkEvents(b.ID()); !slices.Equal(got, []string{"up"}) {
			t.Errorf("before the old key is removed: %v", got)
		}
		for _, r := range rings {
			if err := r.RemoveKey(key(1)); err != nil {
				t.Fatal(err)
			}
		}
		within(t, 10*time.Second, "the link begins anew", func() bool {
			return slices.Equal(a.linkEvents(b.ID()), []string{"up", "down", "up"})
		})
		if !agree([]*node{a, b}) {
			t.Error("Serf lost a member")
		}
	})
}

func TestGatewayWithAnotherKeyIsKeptOut(t *testing.T) {
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		a, b := two(t, n, func(c *Config) { c.Keys = [][]byte{key(1)} })
		for name, edit := range map[string]func(*Config){
			"another key": func(c *Config) { c.Keys = [][]byte{key(2)} },
			"no key":      func(c *Config) { c.Keys = nil },
		} {
			d, err := boot(n, "c/stranger", func(c *Config) { edit(c); c.Seeds = []string{a.Addr()} })
			if err == nil {
				_ = d.Close()
			}
			if !errors.Is(err, ErrKey) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if !agree([]*node{a, b}) || !linked([]*node{a, b}) {
			t.Error("it harmed the others")
		}
	})
}

// Serf lets both in, since both have the key; links want a certificate of the same authority.
func TestGatewayWithAnotherAuthorityHasNoLink(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		a := start(t, n, "a/g0", func(c *Config) { c.TLS = ca.issue(t) })
		good, bad := ca.issue(t), other.issue(t)
		good.ServerName, bad.ServerName = "", ""
		b := start(t, n, "b/g0", func(c *Config) { c.TLS, c.Seeds = good, []string{a.Addr()} })
		c := start(t, n, "c/g0", func(c *Config) { c.TLS, c.Seeds = bad, []string{a.Addr()} })
		time.Sleep(time.Minute)
		// The certificates are for 10.0.0.1, which is a; so a cannot dial b, at 10.0.0.2, by its address.
		if len(a.Links()) != 0 {
			t.Errorf("a link to an address that the certificate does not name: %v", a.peers())
		}
		if a.Stats().WrongKey == 0 || c.Stats().WrongKey == 0 || !strings.Contains(a.log(), "stream became no link") {
			t.Errorf("counted %+v and %+v", a.Stats(), c.Stats())
		}
		if !agree([]*node{a, b, c}) {
			t.Error("they do not see each other")
		}
	})
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		a, b := two(t, n, func(c *Config) {
			c.TLS = ca.issue(t)
			c.TLS.ServerName = "10.0.0.1"
		})
		if err := a.Send(b.ID(), []byte("by TLS")); err != nil {
			t.Fatal(err)
		}
		within(t, time.Second, "it arrives", func() bool { return slices.Equal(b.received(a.ID()), []string{"by TLS"}) })
	})
}

func TestGarbageOnThePortChangesNothing(t *testing.T) {
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		a, b := two(t, n, func(c *Config) { c.Keys = [][]byte{key(1)} })
		stranger := n.Transport("stranger")
		defer func() { _ = stranger.Shutdown() }()
		hello := identity{name: "x", datacenter: "a0"}
		later := hello.hello(a.ID()).encode()
		later[len(prefaceMagic)]++
		for _, say := range [][]byte{
			nil, []byte("GET / HTTP/1.1\r\n\r\n"), []byte("M"), []byte(prefaceMagic), later, noise(4096),
			append([]byte{prefaceMagic[0]}, noise(4096)...), hello.hello(a.ID()).encode(), bytes.Repeat([]byte{244}, 300),
		} {
			count := 40
			if say == nil {
				count = maxStreams + 20
			}
			var dials sync.WaitGroup
			for range count {
				for _, d := range []*node{a, b} {
					dials.Go(func() {
						if c, err := stranger.DialTimeout(d.Addr(), time.Second); err == nil {
							_, _ = c.Write(say)
						}
					})
				}
			}
			dials.Wait()
			time.Sleep(40 * time.Second) // Those that memberlist waits for are let go after 30 s.
		}
		time.Sleep(3 * time.Minute)
		if !agree([]*node{a, b}) || !slices.Equal(a.linkEvents(b.ID()), []string{"up"}) || len(a.Links()) != 1 {
			t.Errorf("links %v, events %v", a.peers(), a.linkEvents(b.ID()))
		}
		if s := a.Stats(); s.Malformed == 0 || s.Refused == 0 || s.StreamsRefused == 0 {
			t.Errorf("counted %+v", s)
		}
		a.port.mu.Lock()
		defer a.port.mu.Unlock()
		if a.port.inward != 0 {
			t.Errorf("%d streams are still open", a.port.inward)
		}
	})
}

// Certificates and authorities change while the pool runs: what links are made of is asked for each of them, and links that
// are up stay up.
func TestCertificatesChangeWithoutLosingALink(t *testing.T) {
	old, fresh := newAuthority(t), newAuthority(t)
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		var mu sync.Mutex
		now := map[string]*tls.Config{} // of each data centre
		a, b := two(t, n, func(c *Config) {
			dc := c.Datacenter
			mu.Lock()
			defer mu.Unlock()
			now[dc] = old.issue(t)
			now[dc].ServerName = "10.0.0.1"
			c.TLS = &tls.Config{
				MinVersion: tls.VersionTLS13,
				GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
					mu.Lock()
					defer mu.Unlock()
					return now[dc], nil
				},
			}
		})
		if l := a.Links(); len(l) != 1 || l[0].Security != "TLS" || a.Security() != "TLS" {
			t.Errorf("links %+v", l)
		}
		mu.Lock()
		for dc := range now {
			now[dc] = fresh.issue(t)
			now[dc].ServerName = "10.0.0.1"
		}
		if len(now) != 2 {
			t.Fatalf("%d configurations", len(now))
		}
		mu.Unlock()
		time.Sleep(time.Minute)
		if got := a.linkEvents(b.ID()); !slices.Equal(got, []string{"up"}) {
			t.Errorf("the link that was up has seen %v", got)
		}
		n.CutBoth("a/g0", "b/g0")
		time.Sleep(20 * time.Second)
		n.Heal()
		within(t, time.Minute, "a link under the new authority", func() bool {
			return slices.Equal(a.linkEvents(b.ID()), []string{"up", "down", "up"})
		})
		if a.Stats().WrongKey+b.Stats().WrongKey > 0 {
			t.Errorf("counted %+v, %+v", a.Stats(), b.Stats())
		}
	})
}
