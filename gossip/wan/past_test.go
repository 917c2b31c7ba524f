package wan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/flate"
	"pgregory.net/rapid"

	"github.com/musterhq/muster/gossip/gossiptest"
)

// Batches of every length, like and unlike each other, packed or not: the reader gets what the writer has, and both
// remember the same, which is never more than it may be.
func TestBatchesComeApartAfterTheSamePast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var writer, reader past
		var all []byte
		words := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 60), 1, 8).Draw(t, "words")
		for range rapid.IntRange(1, 12).Draw(t, "batches") {
			var batch []byte
			for range rapid.IntRange(0, 30).Draw(t, "pieces") {
				batch = append(batch, rapid.SampledFrom(words).Draw(t, "word")...)
			}
			batch = bytes.Repeat(batch, rapid.IntRange(1, 20).Draw(t, "times"))
			packed, small := writer.pack(nil, batch)
			if small {
				if len(packed) >= len(batch) {
					t.Fatal("it did not shrink")
				}
				got, err := reader.unpack(packed)
				if err != nil || !bytes.Equal(got, batch) {
					t.Fatalf("%d bytes became %d: %v", len(batch), len(got), err)
				}
			}
			writer.add(batch)
			reader.add(batch)
			all = append(all, batch...)
			if end := all[max(0, len(all)-pastBytes):]; !bytes.Equal(writer.b, end) || !bytes.Equal(reader.b, end) {
				t.Fatalf("of %d bytes the ends remember %d and %d", len(all), len(writer.b), len(reader.b))
			}
		}
	})
}

func TestWhatIsNoBatchAfterAPastIsMalformed(t *testing.T) {
	deflated := func(claim uint64, b []byte) []byte {
		w := bytes.NewBuffer(binary.AppendUvarint(nil, claim))
		if err := flate.StatelessDeflate(w, b, true, nil); err != nil {
			t.Fatal(err)
		}
		return w.Bytes()
	}
	good := deflated(100, make([]byte, 100))
	for name, body := range map[string][]byte{
		"nothing":               nil,
		"no end of a length":    {0x80},
		"a length alone":        {5},
		"shorter than it says":  deflated(101, make([]byte, 100)),
		"longer than it says":   deflated(99, make([]byte, 100)),
		"a bomb":                deflated(100, make([]byte, 1<<20)),
		"longer than any":       deflated(shortBatch+1, make([]byte, shortBatch+1)),
		"a claim of everything": deflated(1<<63, make([]byte, 100)),
		"cut":                   good[:len(good)-1],
		"followed by more":      append(slices.Clone(good), 7),
		"garbage":               {5, 0xff, 0xff, 0xff},
	} {
		p := past{b: []byte("what was before")}
		for range 2 { // With a fresh decompressor, and with the same again.
			if _, err := p.unpack(body); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got, err := p.unpack(good); err != nil || len(got) != 100 {
			t.Errorf("after %s: %d bytes, %v", name, len(got), err)
		}
	}
}

// steady is a network that takes 20 ms each way, always.
var steady = gossiptest.Options{LatencyMin: 20 * time.Millisecond, LatencyMax: 20 * time.Millisecond}

// delta is what a registration might be on the line, another each time.
func delta(i int) []byte {
	return fmt.Appendf(nil, "dc1/n1 payments payments-%d 10.1.2.%d %d UP dc1 commit %x team checkout", i, i%250, 1_700_000_000+i*37, noise(8, uint64(i)))
}

// Deltas that come one by one, each in a record of its own, are hardly more than the half of what they are without the
// past, encryption and all.
func TestDeltasThatComeAloneCostLessThanTheyAre(t *testing.T) {
	bubble(t, steady, func(t *testing.T, n *gossiptest.Network) {
		a, b := two(t, n, func(c *Config) { c.Keys = [][]byte{key(1)} })
		time.Sleep(time.Minute)
		before := a.Links()[0]
		const count = 200
		for i := range count {
			if err := a.Send(b.ID(), delta(i)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(time.Second)
		after := a.Links()[0]
		size, wire := after.BytesOut-before.BytesOut, after.WireOut-before.WireOut
		t.Logf("%d messages of %d bytes, one by one, were %d on the wire", count, size, wire)
		if wire > size*4/5 {
			t.Errorf("%d bytes were %d on the wire", size, wire)
		}
		got := b.received(a.ID())
		for i, m := range got {
			if m != string(delta(i)) {
				t.Fatalf("message %d is %q", i, m)
			}
		}
		if len(got) != count {
			t.Errorf("%d of %d messages arrived", len(got), count)
		}
	})
}

// A message that comes alone is on its way at once. Of messages that follow each other closely some go together, and none
// waits for longer than they gather.
func TestMessagesGatherUnderLoadAndNotAlone(t *testing.T) {
	bubble(t, steady, func(t *testing.T, n *gossiptest.Network) {
		var mu sync.Mutex
		var arrived []time.Time
		a, b := two(t, n, func(c *Config) {
			c.Handler = func(string, []byte) {
				mu.Lock()
				defer mu.Unlock()
				arrived = append(arrived, time.Now())
			}
		})
		time.Sleep(time.Minute)
		seed := uint64(0)
		send := func(count int, pause time.Duration) (slowest time.Duration, wire uint64) {
			arrived = nil
			before := a.Links()[0].WireOut
			var sent []time.Time
			for range count {
				sent = append(sent, time.Now())
				seed++ // Nothing is like what was before, so that each record is as long as what it carries.
				if err := a.Send(b.ID(), noise(20, seed)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(pause)
			}
			time.Sleep(100 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			if len(arrived) != count {
				t.Fatalf("%d of %d messages arrived", len(arrived), count)
			}
			for i := range sent {
				slowest = max(slowest, arrived[i].Sub(sent[i]))
			}
			return slowest, a.Links()[0].WireOut - before
		}
		const head, message = recordHead + 1, 1 + 20
		alone, wire := send(100, gather+time.Millisecond)
		if records := (wire - 100*message) / head; alone != steady.LatencyMax || records < 100 {
			t.Errorf("alone: 100 messages in %d records, the slowest took %v", records, alone)
		}
		together, wire := send(1000, time.Millisecond)
		t.Logf("a message each millisecond: the slowest took %v", together)
		// The pings of that second are among what was written: five records at most, of 8 bytes more.
		if records := (wire - 1000*message) / head; records > 1000/4 || together > steady.LatencyMax+gather {
			t.Errorf("together: 1,000 messages in %d records, the slowest took %v", records, together)
		}
	})
}

// A gateway of before there was a past is sent what it reads.
func TestGatewayThatRemembersNothingIsSentWhatItReads(t *testing.T) {
	bubble(t, steady, func(t *testing.T, n *gossiptest.Network) {
		old, now := identity{name: "x", datacenter: "a"}, identity{name: "y", datacenter: "b"}
		near, far := stream(t, n)
		accepted := make(chan *session, 1)
		go func() {
			s, err := now.acceptSession(far, time.Second, func(preface) string { return "" })
			if err != nil {
				t.Error(err)
			}
			accepted <- s
		}()
		hello := old.hello("b/y")
		hello.capabilities = compressed
		raw := hello.encode()
		if _, err := near.Write(raw); err != nil {
			t.Fatal(err)
		}
		theirs, theirRaw, err := readPreface(near)
		if err != nil {
			t.Fatal(err)
		}
		tr := newTranscript(raw, theirRaw, hello.random, theirs.random)
		dialled, err := old.protect(&watched{Conn: near}, theirs, tr, fromDialer, "")
		if err != nil {
			t.Fatal(err)
		}
		s := <-accepted
		if s == nil || s.recalls || !s.packs || !dialled.recalls {
			t.Fatalf("accepted %+v, dialled %+v", s, dialled)
		}
		l := &link{session: s, wrote: time.Now()}
		batch := appendBatch(nil, [][]byte{bytes.Repeat([]byte("x"), 1000)})
		for range 2 {
			var writer sync.WaitGroup
			writer.Go(func() {
				if _, err := l.writeBatch(batch, nil); err != nil {
					t.Error(err)
				}
			})
			if kind, _, err := dialled.in.read(); err != nil || kind != packedRecord {
				t.Errorf("record of kind %d, %v", kind, err)
			}
			writer.Wait()
		}
	})
}
