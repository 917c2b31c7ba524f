package wan

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
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

// A link that is to end does so although its other end takes nothing any more.
func TestStuckLinkEndsWhenItIsTo(t *testing.T) {
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		let := make(chan struct{})
		a, b := two(t, n, func(c *Config) { c.Handler = func(string, []byte) { <-let } })
		for a.Send(b.ID(), noise(1<<19, uint64(a.Queued(b.ID())))) == nil {
			continue
		}
		time.Sleep(time.Minute)
		l := a.Pool.links.get(b.ID())
		l.shut("enough")
		within(t, 2*goodbyeFor, "it is gone", func() bool {
			select {
			case <-l.gone:
				return true
			default:
				return false
			}
		})
		close(let)
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
	<-time.NewTimer(time.Duration(n) * time.Second / time.Duration(c.rate)).C
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

func TestMessagesAreCompressedAndCounted(t *testing.T) {
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		a, b := two(t, n, nil)
		time.Sleep(time.Minute)
		before := a.Links()[0]
		var all []byte
		for i := range 999 {
			m := []byte(fmt.Sprintf(`{"service":"payments","instance":"payments-%d","status":"UP"}`, i))
			if all = append(all, m...); i >= 998 {
				continue
			}
			if err := a.Send(b.ID(), m); err != nil {
				t.Fatal(err)
			}
		}
		within(t, time.Second, "998 arrive", func() bool { return len(b.received(a.ID())) == 998 })
		small := a.Links()[0]
		for range 2 {
			if err := a.Send(b.ID(), all); err != nil {
				t.Fatal(err)
			}
		}
		within(t, time.Second, "all arrive", func() bool { return len(b.received(a.ID())) == 1000 })
		after := a.Links()[0]
		raw := after.BytesOut - before.BytesOut
		t.Logf("998 messages of %d bytes were %d on the wire, two of %d were %d", small.BytesOut-before.BytesOut,
			small.WireOut-before.WireOut, after.BytesOut-small.BytesOut, after.WireOut-small.WireOut)
		if after.MessagesOut-before.MessagesOut != 1000 || after.WireOut-small.WireOut > (after.BytesOut-small.BytesOut)/4 {
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
