package spread_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/gossip/spread"
)

// Whatever arrives, in whatever order, from whomever: the engine does not fail, holds no more than its bounds, answers
// with no more than a small multiple of what it was sent and holds, and in the end sleeps.
func TestNothingThatArrivesBreaksTheBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := newStore(causal.Origin{Node: "a", Incarnation: 1})
		e, err := spread.New(spread.Config{
			Self: "a", Store: st, CacheBytes: 4000, Rand: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)),
		})
		if err != nil {
			t.Fatal(err)
		}
		now, held := time.Duration(0), 0
		step := func(in spread.Input, size int) {
			sent := 0
			for _, o := range e.Step(now, in) {
				if o.Msg != nil {
					sent += spread.Size(o.Msg)
				}
			}
			s := e.Stats()
			// Each held body may go to every child, each span of a Want to its sender; a sync sends the store once.
			if limit := 20*(size+held) + 3000; sent > limit {
				t.Fatalf("%T of %d bytes made the engine send %d", in, size, sent)
			}
			if s.CachedBytes > 4000 || s.Lacking > 1024 || s.SyncsIn > 4 || s.SyncsOut > 2 || s.SyncsWaiting > 16 || s.Members > 8 {
				t.Fatalf("beyond the bounds: %+v", s)
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "inputs") {
			now += time.Duration(rapid.Int64Range(0, int64(2*time.Second)).Draw(t, "pause"))
			if at, ok := e.Next(); ok && rapid.Bool().Draw(t, "on time") {
				now = max(now, at)
			}
			id := rapid.SampledFrom([]string{"", "a", "b", "c", "d", "e", "f", "g"}).Draw(t, "from")
			switch rapid.IntRange(0, 9).Draw(t, "input") {
			case 0:
				step(spread.MemberUp{Member: spread.Member{ID: id, Zone: rapid.SampledFrom([]string{"", "y"}).Draw(t, "zone")}}, 0)
			case 1:
				step(spread.MemberDown{Member: spread.Member{ID: id}, Left: rapid.Bool().Draw(t, "left")}, 0)
			case 2:
				d := st.write("k", "v")
				held += len(d.Body) + 100
				step(spread.Local{Origin: st.self, Deltas: []spread.Delta{d}}, 0)
			case 3:
				step(spread.PeerDigest{Peer: id, Digest: spread.Digest{State: rapid.Uint64().Draw(t, "state"), Vector: st.Digest().Vector}}, 16)
			case 4:
				step(spread.StartSync{Peer: id, Full: rapid.Bool().Draw(t, "full")}, 0)
			case 5:
				step(spread.Tick{}, 0)
			default:
				m := drawMessage(t)
				held += spread.Size(m)
				step(spread.Received{From: id, Msg: m}, spread.Size(m))
			}
		}
		for range 10000 {
			at, ok := e.Next()
			if !ok {
				return
			}
			now = max(now, at)
			step(spread.Tick{}, 0)
		}
		t.Fatalf("still awake at %v: %+v", now, e.Stats())
	})
}

func drawMessage(t *rapid.T) spread.Message {
	number := func(label string) uint64 {
		return rapid.SampledFrom([]uint64{0, 1, 2, 3, 5, 60, 64, 65, 1000, 1 << 40, 1<<64 - 2, 1<<64 - 1}).Draw(t, label)
	}
	origin := func() causal.Origin {
		return causal.Origin{Node: rapid.SampledFrom([]string{"", "a", "b", "x", "y"}).Draw(t, "node"), Incarnation: number("incarnation")}
	}
	frames := func() []spread.Frame {
		n := rapid.IntRange(0, 4).Draw(t, "frames")
		out := make([]spread.Frame, 0, n)
		for range n {
			f := spread.Frame{Origin: origin(), Root: rapid.SampledFrom([]string{"", "b", "x"}).Draw(t, "root"), Fanout: rapid.Byte().Draw(t, "fanout")}
			for range rapid.IntRange(0, 4).Draw(t, "deltas") {
				body := fmt.Appendf(nil, "%d k v", number("lamport"))
				if rapid.IntRange(0, 4).Draw(t, "junk") == 0 {
					body = nil
				}
				f.Deltas = append(f.Deltas, spread.Delta{Seq: number("seq"), Body: body})
			}
			out = append(out, f)
		}
		return out
	}
	spans := func() []spread.Span {
		n := rapid.IntRange(0, 6).Draw(t, "spans")
		out := make([]spread.Span, 0, n)
		for range n {
			out = append(out, spread.Span{Origin: origin(), Range: causal.Range{First: number("first"), Last: number("last")}})
		}
		return out
	}
	junk := rapid.SampledFrom([][]byte{nil, {0}, {200}, {1, 'x', 1, 1, 5}}).Draw(t, "opaque")
	switch rapid.IntRange(0, 7).Draw(t, "kind") {
	case 0:
		return spread.Push{Frames: frames()}
	case 1:
		return spread.Have{Spans: spans()}
	case 2:
		return spread.Want{Spans: spans()}
	case 3:
		return spread.SyncRequest{ID: number("id"), Vector: junk, Full: rapid.Bool().Draw(t, "full")}
	case 4:
		return spread.SyncChunk{ID: number("id"), Index: uint32(number("index")), Frames: frames(), Last: rapid.Bool().Draw(t, "last"), Summary: junk}
	case 5:
		return spread.SyncNext{ID: number("id"), Index: uint32(number("index"))}
	case 6:
		return spread.SyncRefuse{ID: number("id")}
	default:
		return nil
	}
}

// counting counts how often the engine asks its store.
type counting struct {
	*store
	calls int
}

func (s *counting) Covers(d causal.Dot) bool { s.calls++; return s.store.Covers(d) }

func (s *counting) Missing(sp spread.Span, limit int) []causal.Range {
	s.calls++
	return s.store.Missing(sp, limit)
}

func (s *counting) Body(d causal.Dot) ([]byte, bool) { s.calls++; return s.store.Body(d) }

func TestASpanOfEverythingCostsTheStoreFewQuestions(t *testing.T) {
	st := &counting{store: newStore(causal.Origin{Node: "a", Incarnation: 1})}
	e, err := spread.New(spread.Config{Self: "a", Store: st, Rand: rand.New(rand.NewPCG(1, 1))})
	if err != nil {
		t.Fatal(err)
	}
	e.Step(0, spread.MemberUp{Member: spread.Member{ID: "b"}})
	everything := []spread.Span{{Origin: causal.Origin{Node: "x"}, Range: causal.Range{First: 1, Last: 1<<64 - 1}}}
	for _, m := range []spread.Message{spread.Have{Spans: everything}, spread.Want{Spans: everything}, spread.Push{Frames: []spread.Frame{
		{Origin: causal.Origin{Node: "x"}, Deltas: []spread.Delta{{Seq: 1<<64 - 1, Body: []byte("1 k v")}}},
	}}} {
		st.calls = 0
		e.Step(0, spread.Received{From: "b", Msg: m})
		if st.calls > 70 {
			t.Errorf("a %v made the engine ask its store %d times", m.Kind(), st.calls)
		}
	}
}

func TestAnnouncementsKeepWithinTheirRateUnderSteadyWrites(t *testing.T) {
	st := newStore(causal.Origin{Node: "a", Incarnation: 1})
	e, err := spread.New(spread.Config{
		Self: "a", Store: st, Rand: rand.New(rand.NewPCG(1, 1)), AnnounceRate: 500, AnnounceBurst: 500,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"b", "c", "d", "e"} {
		e.Step(0, spread.MemberUp{Member: spread.Member{ID: id}})
	}
	const seconds = 10
	for now := time.Duration(0); now < seconds*time.Second; now += 9 * ms {
		e.Step(now, spread.Local{Origin: st.self, Deltas: []spread.Delta{st.write("k", "v")}})
		e.Step(now+8*ms, spread.Tick{})
	}
	bytes := e.Stats().Sent[spread.KindHave].Bytes
	if allowed := uint64(500 + 500*seconds + 100); bytes > allowed || bytes < allowed/2 {
		t.Fatalf("%d bytes of announcements in %d s, allowed are %d", bytes, seconds, allowed)
	}
}
