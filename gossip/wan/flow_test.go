package wan

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/musterhq/muster/gossip/gossiptest"
)

// two starts one gateway in each of two data centres, which edit may tell apart by their names.
func two(t *testing.T, n *gossiptest.Network, edit func(*Config)) (a, b *node) {
	t.Helper()
	ds := world(t, n, []int{1, 1}, edit)
	return ds[0], ds[1]
}

// noise is bytes that do not compress, other ones for each seed.
func noise(size int, seed ...uint64) []byte {
	rng := rand.New(rand.NewPCG(uint64(len(seed)), append(seed, 0)[0]))
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// The reader does not read for ten minutes: the sender is told that there is no room, nothing grows, the link stays, and
// then everything that was taken arrives.
func TestSlowReaderCostsTheSenderItsQueueAndNoMore(t *testing.T) {
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		const limit = 2 << 20
		let := make(chan struct{})
		var mu sync.Mutex
		var got []int
		a, b := two(t, n, func(c *Config) {
			c.QueueBytes = limit
			if c.Datacenter == "b" {
				c.Handler = func(_ string, msg []byte) {
					<-let
					mu.Lock()
					defer mu.Unlock()
					got = append(got, int(msg[0])<<8|int(msg[1]))
				}
			}
		})
		const size = 10 << 10
		taken := 0
		for range 600 {
			for {
				m := noise(size, uint64(taken))
				m[0], m[1] = byte(taken>>8), byte(taken)
				if err := a.Send(b.ID(), m); err != nil {
					if !errors.Is(err, ErrFull) {
						t.Fatal(err)
					}
					break
				}
				taken++
			}
			if q := a.Queued(b.ID()); q > limit {
				t.Fatalf("%d bytes wait", q)
			}
			time.Sleep(time.Second)
		}
		// The queue, the window of the network, one batch that is being written and what is read ahead.
		if most := (limit + 1<<20 + 4*batchBytes) / size; taken > most {
			t.Errorf("%d messages were taken, there is room for %d", taken, most)
		}
		if l := a.Links(); len(l) != 1 || l[0].Overflows != 600 {
			t.Fatalf("the links are %+v", l)
		}
		a.mu.Lock()
		early := len(a.drained)
		a.mu.Unlock()
		close(let)
		within(t, 10*time.Second, "all is read", func() bool { return a.Queued(b.ID()) == 0 })
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		if len(got) != taken || !slices.IsSorted(got) {
			t.Errorf("%d of %d messages arrived", len(got), taken)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if early != 0 || len(a.drained) != 1 || a.drained[0] != b.ID() {
			t.Errorf("told %d times before, and %v after", early, a.drained)
		}
	})
}

// narrow is a transport that gives what arrives by streams at so many bytes a second.
type narrow struct {
	*gossiptest.Transport
	rate    int
	streams chan net.Conn
	stop    chan struct{}
}

func newNarrow(t *gossiptest.Transport, rate int) *narrow {
	w := &narrow{Transport: t, rate: rate, streams: make(chan net.Conn), stop: make(chan struct{})}
	go func() {
		for {
			select {
			case c := <-t.StreamCh():
				select {
				case w.streams <- &narrowConn{c, rate}:
				case <-w.stop:
				}
			case <-w.stop:
				return
			}
		}
	}()
	return w
}

func (w *narrow) StreamCh() <-chan net.Conn { return w.streams }

func (w *narrow) DialAddressTimeout(a memberlist.Address, d time.Duration) (net.Conn, error) {
	c, err := w.Transport.DialAddressTimeout(a, d)
	if err != nil {
		return nil, err
	}
	return &narrowConn{c, w.rate}, nil
}

func (w *narrow) Shutdown() error {
	close(w.stop)
	return w.Transport.Shutdown()
}

type narrowConn struct {
	net.Conn
	rate int
}

func (c *narrowConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p[:min(len(p), max(c.rate/10, 1))])
	time.Sleep(time.Duration(n) * time.Second / time.Duration(c.rate))
	return n, err
}

// 100 kbit/s, and four messages of the size of a whole catalog's chunk at once: 2 MiB need 168 s.
func TestNarrowLinkDelaysAndDoesNotBreak(t *testing.T) {
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		const rate = 12_500
		a, b := two(t, n, func(c *Config) {
			tr, ok := c.Transport.(*gossiptest.Transport)
			if !ok {
				t.Fatal("no transport")
			}
			c.Transport = newNarrow(tr, rate)
			c.Keys = [][]byte{key(1)}
		})
		big := noise(512 << 10)
		for range 4 {
			if err := a.Send(b.ID(), big); err != nil {
				t.Fatal(err)
			}
			if err := b.Send(a.ID(), big); err != nil {
				t.Fatal(err)
			}
		}
		took := within(t, 4*time.Minute, "all arrive", func() bool {
			return len(b.received(a.ID())) == 4 && len(a.received(b.ID())) == 4
		})
		t.Logf("4 messages of 512 KiB each way at %d bytes a second took %v", rate, took)
		if got := b.received(a.ID()); got[3] != string(big) {
			t.Error("what arrived is not what was sent")
		}
		for _, d := range []*node{a, b} {
			if got := d.linkEvents(d.peers()[0]); !slices.Equal(got, []string{"up"}) {
				t.Errorf("%s: %v", d.ID(), got)
			}
		}
	})
}

func TestMessagesAreCompressedTogetherAndCounted(t *testing.T) {
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		a, b := two(t, n, nil)
		time.Sleep(time.Minute)
		before := a.Links()[0]
		for i := range 1000 {
			if err := a.Send(b.ID(), []byte(fmt.Sprintf(`{"service":"payments","instance":"payments-%d","status":"UP"}`, i))); err != nil {
				t.Fatal(err)
			}
		}
		within(t, time.Second, "all arrive", func() bool { return len(b.received(a.ID())) == 1000 })
		after := a.Links()[0]
		raw, wire := after.BytesOut-before.BytesOut, after.WireOut-before.WireOut
		t.Logf("%d bytes of messages were %d on the wire", raw, wire)
		if after.MessagesOut-before.MessagesOut != 1000 || wire > raw/4 {
			t.Errorf("counted %+v", after)
		}
		if in := b.Links()[0]; in.MessagesIn != 1000 || in.BytesIn != raw || in.WireIn != after.WireOut {
			t.Errorf("the other end counted %+v", in)
		}
		n.CutBoth(a.ID(), b.ID())
		time.Sleep(time.Minute)
		n.Heal()
		within(t, 30*time.Second, "the link is back", func() bool { return len(a.Links()) == 1 })
		s := a.Stats()
		if d := s.Datacenters["b"]; d.Ups != 2 || d.MessagesOut != 1000 || d.BytesOut != raw || d.WireOut <= after.WireOut {
			t.Errorf("over both links: %+v", d)
		}
		if s.DialsFailed == 0 || len(s.Links) != 1 || s.Links[0].MessagesOut != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestSendSaysWhatIsWrong(t *testing.T) {
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		a, b := two(t, n, nil)
		if err := a.Send(b.ID(), make([]byte, MaxMessage+1)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("too large: %v", err)
		}
		if err := a.Send("b/nobody", nil); !errors.Is(err, ErrNoLink) {
			t.Errorf("to nobody: %v", err)
		}
		if a.Queued("b/nobody") != 0 {
			t.Error("bytes wait for nobody")
		}
		for _, m := range [][]byte{nil, noise(MaxMessage)} {
			if err := a.Send(b.ID(), m); err != nil {
				t.Errorf("%d bytes: %v", len(m), err)
			}
		}
		within(t, time.Second, "both arrive", func() bool { return len(b.received(a.ID())) == 2 })
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if err := a.Send(b.ID(), nil); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		if _, err := a.Join(t.Context(), []string{b.Addr()}); !errors.Is(err, ErrClosed) {
			t.Errorf("join after Close: %v", err)
		}
	})
}

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
			time.Sleep(time.Second)
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
