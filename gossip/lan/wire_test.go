package lan

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/musterhq/muster/gossip/host"
)

func drawName(t *rapid.T, label string, limit int) string {
	return rapid.StringMatching(`[a-zäß0-9.~_-]{1,20}`).
		Filter(func(s string) bool { return len(s) <= limit }).Draw(t, label)
}

func TestFrameComesApartAsItWasPutTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]frameKind{packetFrame, streamFrame, leavingFrame, helloFrame}).Draw(t, "kind")
		from, msg := drawName(t, "from", MaxName), rapid.SliceOfN(rapid.Byte(), 0, MaxPacket).Draw(t, "msg")
		k, f, m, err := parseFrame(appendFrame(nil, kind, from, msg))
		if err != nil || k != kind || f != from || !bytes.Equal(m, msg) {
			t.Fatalf("got %v %q %x, %v", k, f, m, err)
		}
	})
}

func TestCardComesApartAsItWasPutTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := card{
			Meta: Meta{
				Incarnation: rapid.Uint64Min(1).Draw(t, "incarnation"),
				HTTP:        rapid.StringN(0, 30, 60).Draw(t, "http"), Version: rapid.StringN(0, 30, 60).Draw(t, "version"),
			},
			datacenter: drawName(t, "dc", MaxDatacenter), zone: drawName(t, "zone", MaxZone),
		}
		b, err := c.encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeCard(b); err != nil || got != c {
			t.Fatalf("got %+v, %v", got, err)
		}
		if got, err := decodeCard(append(b, 7, 7)); err != nil || got != c {
			t.Fatalf("with something added: %+v, %v", got, err)
		}
		for i := range b {
			if got, err := decodeCard(b[:i]); err == nil {
				t.Fatalf("cut after %d of %d bytes: %+v", i, len(b), got)
			}
		}
	})
}

func TestIdentityTellsNameAndLife(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := drawName(t, "name", MaxName)
		a, b := rapid.Uint64().Draw(t, "a"), rapid.Uint64().Draw(t, "b")
		id := lifeID(name, a)
		if got, ok := nameOf(id); !ok || got != name {
			t.Fatalf("%q has the name %q, %v", id, got, ok)
		}
		if a != b && lifeID(name, b) == id {
			t.Logf("two incarnations share a tag") // One pair in 16 million.
		}
	})
	seen := map[string]bool{}
	for inc := range uint64(1000) {
		seen[lifeID("n", inc)] = true
		seen[lifeID("n", 1_700_000_000_000_000_000+inc*1000)] = true
	}
	if len(seen) < 1999 { // One pair of 2,000 may share a tag with 11%.
		t.Errorf("2,000 incarnations have %d tags", len(seen))
	}
	for _, bad := range []string{"", "n", "~abcd", "nabcde", "a/b~abcd"} {
		if name, ok := nameOf(bad); ok {
			t.Errorf("%q has the name %q", bad, name)
		}
	}
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte{})
	f.Add(appendFrame(nil, packetFrame, "n1", []byte("hello")))
	f.Add(appendFrame(nil, leavingFrame, "n1", []byte("n1~abcd")))
	f.Add([]byte{0x3f, 'x'})
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, from, msg, err := parseFrame(b)
		if err != nil {
			return
		}
		if host.CheckName(from, MaxName) != nil || len(msg) > len(b) {
			t.Fatalf("accepted %q with %d bytes", from, len(msg))
		}
		if again := appendFrame(nil, kind, from, msg); !bytes.Equal(again, b) {
			t.Fatalf("%x became %x", b, again)
		}
	})
}

func FuzzCard(f *testing.F) {
	c := card{Meta: Meta{Incarnation: 7, HTTP: "h:1", Version: "v"}, datacenter: "dc1", zone: "a"}
	b, err := c.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{1, 0x80})
	f.Add([]byte{1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeCard(b)
		if err != nil {
			return
		}
		if c.Incarnation == 0 || c.datacenter == "" {
			t.Fatalf("accepted %+v", c)
		}
		again, err := c.encode()
		if err != nil {
			t.Fatal(err)
		}
		if d, err := decodeCard(again); err != nil || d != c {
			t.Fatalf("%+v became %+v, %v", c, d, err)
		}
	})
}
