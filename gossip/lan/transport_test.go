package lan

import (
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/musterhq/muster/gossip/gossiptest"
)

func TestStreamIntoACutEndsAtItsTime(t *testing.T) {
	opts := gossiptest.Options{LatencyMin: 50 * time.Millisecond, LatencyMax: 50 * time.Millisecond}
	bubble(t, opts, func(t *testing.T, n *gossiptest.Network) {
		ds := cluster(t, n, 2, nil)
		began := time.Now()
		// One round trip for the dial, then several windows of data.
		time.AfterFunc(150*time.Millisecond, func() { n.CutBoth("n00", "n01") })
		err := ds[0].SendReliable("n01", make([]byte, 10<<20))
		took := time.Since(began)
		if limit := profiles[LAN].stream; err == nil || took < limit || took > limit+time.Second {
			t.Errorf("ended after %v with %v", took, err)
		}
		if len(ds[1].messages()) != 0 {
			t.Error("part of a message was handed over")
		}
	})
}

func TestStreamsInwardsAreBoundedAndTheRestIsCounted(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		ds := cluster(t, n, 2, nil)
		stranger := n.Transport("stranger")
		defer func() { _ = stranger.Shutdown() }()
		const extra = 20
		for range maxStreams + extra {
			if _, err := stranger.DialTimeout(ds[0].Addr(), time.Second); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		if got := ds[0].Stats().StreamsRefused; got != extra {
			t.Errorf("refused %d, want %d", got, extra)
		}
		time.Sleep(profiles[LAN].stream)
		if err := ds[1].SendReliable("n00", []byte("x")); err != nil {
			t.Errorf("after the strangers' time was up: %v", err)
		}
		within(t, time.Second, "it arrives", func() bool { return len(ds[0].messages()) == 1 })
	})
}

// plain is a transport that does not know of names.
type plain struct{ memberlist.Transport }

func TestTransportThatKnowsNoNamesServes(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		ds := cluster(t, n, 2, func(c *Config) { c.Transport = plain{c.Transport} })
		if err := ds[0].SendReliable("n01", []byte("x")); err != nil {
			t.Fatal(err)
		}
		within(t, time.Second, "it arrives", func() bool { return len(ds[1].messages()) == 1 })
	})
}

func TestLabelIsReadOnlyWhole(t *testing.T) {
	for _, c := range []struct {
		bytes string
		label string
		ok    bool
	}{
		{"\xf4\x03abcrest", "abc", true},
		{"\xf4\x03abc", "abc", true},
		{"\xf4\x03ab", "", false},
		{"\xf4", "", false},
		{"", "", false},
		{"\x06\x03abc", "", false},
	} {
		if label, ok := readLabel([]byte(c.bytes)); label != c.label || ok != c.ok {
			t.Errorf("%q: %q %v", c.bytes, label, ok)
		}
	}
}
