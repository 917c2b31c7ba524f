package lan

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"pgregory.net/rapid"

	"github.com/musterhq/muster/gossip/gossiptest"
)

// labelled is a packet as memberlist gives it to be sent.
func labelled(label string, rest []byte) []byte {
	return append(append([]byte{labelMark, byte(len(label))}, label...), rest...)
}

func TestTheLabelOfAPacketIsPutBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		label := labelPrefix + drawName(t, "datacenter", MaxDatacenter)
		m := newMarker(label, rapid.Bool().Draw(t, "sealed"))
		rest := rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "rest")
		if len(rest) > 0 && rapid.Bool().Draw(t, "with checksum") {
			rest[0] = checksumMark
		}
		b := labelled(label, rest)
		sent := m.off(bytes.Clone(b))
		want := len(b)
		switch {
		case m.sealed:
			want = 1 + len(rest)
		case len(rest) >= checksumSize && rest[0] == checksumMark:
			want = len(rest)
		}
		if len(sent) != want {
			t.Fatalf("%x became %x, of %d bytes instead of %d", b, sent, len(sent), want)
		}
		if got := m.on(bytes.Clone(sent)); !bytes.Equal(got, b) {
			t.Fatalf("%x was sent as %x and became %x", b, sent, got)
		}
	})
}

// What comes from another data centre gets our label, and another checksum than it had.
func TestAPacketOfAnotherDatacenterKeepsNoValidChecksum(t *testing.T) {
	ours, theirs := newMarker("m/dc1", false), newMarker("m/dc2", false)
	b := labelled("m/dc2", append([]byte{checksumMark, 1, 2, 3, 4}, "data"...))
	got := ours.on(theirs.off(bytes.Clone(b)))
	if want := labelled("m/dc1", b[len("m/dc2")+2:]); bytes.Equal(got, want) || len(got) != len(want) {
		t.Fatalf("%x of another data centre is taken for %x", b, got)
	}
}

// Pools that are of different data centres and share a network: one has no key, nor has the other, or both have the same.
func TestPacketsOfAnotherDatacenterAreDropped(t *testing.T) {
	for name, keys := range map[string][][]byte{"plain": nil, "one key": {make([]byte, 32)}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
				keyed := func(c *Config) { c.Keys = slices.Clone(keys) }
				a := start(t, n, "a", keyed)
				b := start(t, n, "b", func(c *Config) { keyed(c); c.Datacenter = "dc2" })
				c := start(t, n, "c", func(c *Config) { keyed(c); c.Seeds = []string{a.Addr()} })
				within(t, 5*time.Second, "a and c agree", func() bool { return agree([]*node{a, c}) })
				to := &memberlist.Node{Name: a.id, Addr: addrIP(t, a), Port: 7946, PMax: memberlist.ProtocolVersionMax}
				for _, p := range []*node{b, c} {
					if err := p.list.SendBestEffort(to, p.frame(packetFrame, []byte("from "+p.cfg.Datacenter))); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Second)
				if got := a.messages(); !slices.Equal(got, []string{"c: from dc1"}) {
					t.Errorf("a has %q", got)
				}
			})
		})
	}
}

// addrIP is the address of a node as memberlist has it.
func addrIP(t *testing.T, d *node) []byte {
	t.Helper()
	m := d.list.LocalNode()
	return m.Addr
}

// A node of the first version joins nobody and takes nobody in, and both sides are told why.
func TestANodeOfTheFirstVersionIsRefusedByName(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		a := start(t, n, "a", nil)
		meta, err := card{Meta: Meta{Incarnation: 1}, datacenter: "dc1"}.encode()
		if err != nil {
			t.Fatal(err)
		}
		c := memberlist.DefaultLANConfig()
		c.Name, c.Label, c.EnableCompression = lifeID("old", 1), labelPrefix+"dc1", false
		c.Transport, c.Logger = n.Transport("old"), a.ml.Logger
		c.DelegateProtocolMin, c.DelegateProtocolMax, c.DelegateProtocolVersion = 1, 1, 1
		c.Delegate = rogueMeta{delegate{}, meta}
		old, err := memberlist.Create(c)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = old.Shutdown() }()
		if _, err := old.Join([]string{a.Addr()}); err == nil || !strings.Contains(err.Error(), "protocol version") {
			t.Errorf("the old node joins: %v", err)
		}
		if _, err := a.Join(context.Background(), []string{old.LocalNode().Address()}); !errors.Is(err, ErrVersion) {
			t.Errorf("it is joined: %v", err)
		}
		if got := len(a.Members().All()); got != 1 {
			t.Errorf("%d members", got)
		}
	})
}
