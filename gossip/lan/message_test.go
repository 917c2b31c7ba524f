package lan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/musterhq/muster/gossip/gossiptest"
)

func TestMessagesArriveUnderTheNameOfTheirSender(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		ds := cluster(t, n, 3, nil)
		buf := []byte("m?")
		var want []string
		for i := range 10 {
			buf[1] = byte('0' + i) // The sender may use its buffer again at once.
			for _, from := range ds[:2] {
				if err := from.Send("n02", buf); err != nil {
					t.Fatal(err)
				}
				want = append(want, fmt.Sprintf("%s: m%d", from.cfg.Name, i))
			}
			time.Sleep(10 * time.Millisecond)
		}
		big := strings.Repeat("x", 3<<20)
		if err := ds[0].SendReliable("n02", []byte(big)); err != nil {
			t.Fatal(err)
		}
		want = append(want, "n00: "+big)
		if err := ds[0].SendReliable("n02", nil); err != nil {
			t.Fatal(err)
		}
		want = append(want, "n00: ")
		within(t, 5*time.Second, "all arrive", func() bool { return len(ds[2].messages()) == len(want) })
		got := ds[2].messages()
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Error("what arrived is not what was sent")
		}
	})
}

func TestSendSaysWhyItCannot(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		ds := cluster(t, n, 3, nil)
		for _, c := range []struct {
			what string
			send func(*node) error
			want error
		}{
			{"packet as large as allowed", func(d *node) error { return d.Send("n01", make([]byte, MaxPacket)) }, nil},
			{"packet too large", func(d *node) error { return d.Send("n01", make([]byte, MaxPacket+1)) }, ErrTooLarge},
			{"stream too large", func(d *node) error { return d.SendReliable("n01", make([]byte, MaxStream+1)) }, ErrTooLarge},
			{"nobody", func(d *node) error { return d.Send("nobody", nil) }, ErrUnknownMember},
			{"nobody, by stream", func(d *node) error { return d.SendReliable("nobody", nil) }, ErrUnknownMember},
			{"itself", func(d *node) error { return d.Send("n00", nil) }, ErrUnknownMember},
			{"metadata too large", func(d *node) error {
				return d.SetMeta(Meta{Incarnation: 1, Version: strings.Repeat("v", 600)})
			}, ErrTooLarge},
			{"metadata of another life", func(d *node) error { return d.SetMeta(Meta{Incarnation: 2}) }, ErrConfig},
		} {
			if err := c.send(ds[0]); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", c.what, err, c.want)
			}
		}
		crash(n, ds[2])
		began := time.Now()
		if err := ds[0].SendReliable("n02", []byte("x")); err == nil || time.Since(began) > 3*time.Second {
			t.Errorf("to a member that does not answer: %v after %v", err, time.Since(began))
		}
		within(t, 20*time.Second, "it fails", func() bool { return ds[0].state("n02") == StateFailed })
		if err := ds[0].Send("n02", nil); !errors.Is(err, ErrUnknownMember) {
			t.Errorf("to a failed member: %v", err)
		}
		_ = ds[0].Close()
		for what, err := range map[string]error{
			"Send": ds[0].Send("n01", nil), "SendReliable": ds[0].SendReliable("n01", nil),
			"SetMeta": ds[0].SetMeta(Meta{Incarnation: 1}), "Close": ds[0].Close(),
		} {
			if want := map[bool]error{true: nil, false: ErrClosed}[what == "Close"]; !errors.Is(err, want) {
				t.Errorf("%s after Close: %v", what, err)
			}
		}
		if _, err := ds[0].Join(context.Background(), []string{ds[1].Addr()}); !errors.Is(err, ErrClosed) {
			t.Errorf("Join after Close: %v", err)
		}
	})
}

// The largest packet with the longest names, encrypted, is exactly the budget.
func TestLargestPacketFillsTheBudgetAndNoMore(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		long := func(c *Config) {
			c.Datacenter = strings.Repeat("d", MaxDatacenter)
			c.Name += strings.Repeat("n", MaxName-len(c.Name))
			c.Keys = [][]byte{make([]byte, 32)}
		}
		a := start(t, n, "a", long)
		b := start(t, n, "b", func(c *Config) { long(c); c.Seeds = []string{a.Addr()} })
		within(t, 5*time.Second, "they agree", func() bool { return agree([]*node{a, b}) })
		time.Sleep(10*time.Second + 50*time.Millisecond) // Between two probes.
		before := a.Stats()
		if err := a.Send(b.cfg.Name, make([]byte, MaxPacket)); err != nil {
			t.Fatal(err)
		}
		after := a.Stats()
		if got := after.PacketBytesSent - before.PacketBytesSent; got != packetBudget {
			t.Errorf("%d bytes in %d packets, want %d in one", got, after.PacketsSent-before.PacketsSent, packetBudget)
		}
		within(t, time.Second, "it arrives", func() bool { return len(b.messages()) == 1 })
	})
}

func TestLargestStreamArrivesEncrypted(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		var arrived sync.WaitGroup
		arrived.Add(1)
		keyed := func(c *Config) { c.Keys = [][]byte{make([]byte, 16)} }
		a := start(t, n, "a", keyed)
		b := start(t, n, "b", func(c *Config) {
			keyed(c)
			c.Seeds = []string{a.Addr()}
			c.Handler = func(_ string, msg []byte) {
				if len(msg) != MaxStream {
					t.Errorf("%d bytes arrived", len(msg))
				}
				arrived.Done()
			}
		})
		within(t, 5*time.Second, "they agree", func() bool { return agree([]*node{a, b}) })
		if err := a.SendReliable("b", make([]byte, MaxStream)); err != nil {
			t.Fatal(err)
		}
		arrived.Wait()
	})
}

func TestBlockedHandlerDropsPacketsAndKeepsStreams(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		const queue = 8
		gate := make(chan struct{})
		var mu sync.Mutex
		count := map[string]int{}
		ds := cluster(t, n, 2, func(c *Config) {
			if c.Name != "n01" {
				return
			}
			c.OnDigest = nil // Digests would take places in the queue.
			c.Queue = queue
			c.Handler = func(_ string, msg []byte) {
				<-gate
				mu.Lock()
				defer mu.Unlock()
				count[string(msg)]++
			}
		})
		const packets, streams = 20, 12
		for range packets {
			if err := ds[0].Send("n01", []byte("packet")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		for range streams {
			if err := ds[0].SendReliable("n01", []byte("stream")); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		// One is with the handler, the queue is full, the rest of the packets is gone.
		if got := ds[1].Stats().Dropped; got != packets-queue-1 {
			t.Errorf("dropped %d, want %d", got, packets-queue-1)
		}
		if !agree(ds) {
			t.Error("a handler that blocks harms membership")
		}
		close(gate)
		within(t, time.Second, "all streams arrive", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return count["stream"] == streams && count["packet"] == queue+1
		})
	})
}

func TestDigestArrivesWithTheRoundTripTime(t *testing.T) {
	opts := gossiptest.Options{LatencyMin: 4 * time.Millisecond, LatencyMax: 5 * time.Millisecond}
	bubble(t, opts, func(t *testing.T, n *gossiptest.Network) {
		ds := cluster(t, n, 4, func(c *Config) {
			if c.Name == "n03" {
				c.Digest = func() []byte { return make([]byte, MaxDigest+1) }
			}
		})
		time.Sleep(20 * time.Second)
		for _, d := range ds {
			d.mu.Lock()
			for _, peer := range []string{"n00", "n01", "n02"} {
				rtt, ok := d.digests[peer]
				if peer == d.cfg.Name {
					continue
				}
				if !ok || rtt < 8*time.Millisecond || rtt > 10*time.Millisecond {
					t.Errorf("%s has of %s: %v after %v", d.cfg.Name, peer, ok, rtt)
				}
			}
			d.mu.Unlock()
		}
		if ds[3].Stats().OversizeDigests == 0 {
			t.Error("a digest that is too long was not counted")
		}
		if !agree(ds) {
			t.Error("a digest that is too long harms membership")
		}
	})
}

func TestMalformedMessagesChangeNothingAndAreCounted(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		a := start(t, n, "a", nil)
		m := rogue(t, n, a, "no identity", nil)
		if _, err := m.Join([]string{a.Addr()}); err != nil {
			t.Fatal(err)
		}
		if got := len(a.Members().All()); got != 1 || a.Stats().Malformed == 0 {
			t.Errorf("a stranger is a member: %d members, %d malformed", got, a.Stats().Malformed)
		}
		time.Sleep(10 * time.Second) // Until the stranger has stopped announcing itself.
		to := memberlist.Address{Addr: a.Addr(), Name: a.id}
		for _, b := range [][]byte{
			nil,
			{0x00},
			{0x3f, 'x'},
			{0x00, '/', 'x'},
			appendFrame(nil, leavingFrame, "b", []byte("x")),
			appendFrame(nil, helloFrame, "b", []byte("b~abcd")),
			appendFrame(nil, helloFrame, "b", []byte("c~abcd 10.0.0.9:1")),
			appendFrame(nil, helloFrame, "b", []byte("b~abcd 10.0.0.9")),
			appendFrame(nil, packetFrame, "b", make([]byte, 2000)),
		} {
			before := a.Stats().Malformed
			if err := m.SendToAddress(to, b); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if a.Stats().Malformed != before+1 {
				t.Errorf("%.20x was not counted", b)
			}
		}
		if got := a.messages(); len(got) != 0 {
			t.Errorf("handed over %q", got)
		}
	})
}

// memberlist's label keeps other data centres out; this is the second line, against one that has our label.
func TestRecordsOfAnotherDatacenterAreRefusedWhateverTheirLabel(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		a := start(t, n, "a", nil)
		foreign, err := card{Meta: Meta{Incarnation: 1}, datacenter: "dc2"}.encode()
		if err != nil {
			t.Fatal(err)
		}
		m := rogue(t, n, a, lifeID("b", 1), foreign)
		if _, err := m.Join([]string{a.Addr()}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if got := len(a.Members().All()); got != 1 {
			t.Errorf("a has %d members", got)
		}
		at := net.JoinHostPort(m.LocalNode().Addr.String(), "7946")
		_, err = a.Join(context.Background(), []string{at})
		if !errors.Is(err, ErrOtherDatacenter) || !strings.Contains(err.Error(), `"dc2"`) {
			t.Errorf("a joins it: %v", err)
		}
	})
}

// rogue is a memberlist without a Pool, with the label of dc1.
func rogue(t *testing.T, n *gossiptest.Network, like *node, id string, meta []byte) *memberlist.Memberlist {
	t.Helper()
	c := memberlist.DefaultLANConfig()
	c.Name, c.Label, c.EnableCompression = id, labelPrefix+"dc1", false
	c.Transport, c.Logger = n.Transport("rogue"), like.ml.Logger
	c.DelegateProtocolMax, c.DelegateProtocolVersion = WireMax, WireCur
	c.Delegate = rogueMeta{delegate{}, meta}
	m, err := memberlist.Create(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Shutdown() })
	return m
}

// rogueMeta is a delegate of which only the metadata is of interest.
type rogueMeta struct {
	delegate
	meta []byte
}

func (r rogueMeta) NodeMeta(int) []byte { return r.meta }

func (rogueMeta) NotifyMsg([]byte) {}

func TestNoCallbackAfterClose(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		ds := cluster(t, n, 2, nil)
		for range 100 {
			_ = ds[0].Send("n01", bytes.Repeat([]byte("x"), 10))
		}
		time.Sleep(600 * time.Microsecond)
		_ = ds[1].Close()
		messages := len(ds[1].messages())
		time.Sleep(time.Minute)
		if got := len(ds[1].messages()); got != messages {
			t.Errorf("%d messages were handed over after Close", got-messages)
		}
	})
}
