package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/gossip/spread"
)

func drawBytes(t *rapid.T, label string) []byte {
	if rapid.IntRange(0, 20).Draw(t, label+" is long") == 0 {
		return bytes.Repeat([]byte{7}, rapid.SampledFrom([]int{255, 256, 65535, 65536}).Draw(t, label+" length"))
	}
	if b := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, label); len(b) > 0 {
		return b
	}
	return nil
}

func drawNode(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "dc1/a", "dc1/a-node-of-twenty", "dc1/" + string(bytes.Repeat([]byte{'x'}, 300))}).Draw(t, "node")
}

// drawUint favours the values at which an encoding grows.
func drawUint(t *rapid.T, label string, limit uint64) uint64 {
	edge := rapid.SampledFrom([]uint64{0, 1, 127, 128, 255, 256, 65535, 65536, 1<<32 - 1, 1 << 32, 1<<64 - 1}).Draw(t, label)
	return min(edge, limit)
}

// drawOrigin is an origin, or the tag of one.
func drawOrigin(t *rapid.T) causal.Origin {
	if node := drawNode(t); node != "" {
		return causal.Origin{Node: node, Incarnation: drawUint(t, "incarnation", 1<<64-1)}
	}
	return causal.Origin{Incarnation: drawUint(t, "tag", 1<<32-1)}
}

func drawFrames(t *rapid.T) []spread.Frame {
	n := rapid.IntRange(0, 20).Draw(t, "frames")
	if n == 0 {
		return nil
	}
	frames := make([]spread.Frame, 0, n)
	for range n {
		f := spread.Frame{Origin: drawOrigin(t), Root: drawNode(t), Fanout: rapid.Byte().Draw(t, "fanout")}
		seq := uint64(0)
		for range rapid.IntRange(0, 20).Draw(t, "deltas") {
			gap := drawUint(t, "gap", 1<<64-1-seq)
			if gap == 0 {
				break
			}
			seq += gap
			f.Deltas = append(f.Deltas, spread.Delta{Seq: seq, Body: drawBytes(t, "body")})
		}
		frames = append(frames, f)
	}
	return frames
}

func drawSpans(t *rapid.T) []spread.Span {
	n := rapid.IntRange(0, 40).Draw(t, "spans")
	if n == 0 {
		return nil
	}
	spans := make([]spread.Span, 0, n)
	for range n {
		first := drawUint(t, "first", 1<<64-1)
		last := first + drawUint(t, "length", min(1<<64-1-first, spread.MaxSpan-1))
		spans = append(spans, spread.Span{Origin: drawOrigin(t), Range: causal.Range{First: first, Last: last}})
	}
	return spans
}

func drawMessage(t *rapid.T) spread.Message {
	id := drawUint(t, "id", 1<<64-1)
	index := uint32(drawUint(t, "index", 1<<32-1))
	switch spread.Kind(rapid.IntRange(1, int(spread.Kinds)-1).Draw(t, "kind")) {
	case spread.KindPush:
		return spread.Push{Frames: drawFrames(t)}
	case spread.KindHave:
		return spread.Have{Spans: drawSpans(t)}
	case spread.KindWant:
		return spread.Want{Spans: drawSpans(t)}
	case spread.KindSyncRequest:
		return spread.SyncRequest{ID: id, Vector: drawBytes(t, "vector"), Full: rapid.Bool().Draw(t, "full")}
	case spread.KindSyncChunk:
		return spread.SyncChunk{
			ID: id, Index: index, Frames: drawFrames(t), Last: rapid.Bool().Draw(t, "last"),
			Summary: drawBytes(t, "summary"), Ready: rapid.Bool().Draw(t, "ready"),
		}
	case spread.KindSyncNext:
		return spread.SyncNext{ID: id, Index: index}
	case spread.KindCompare:
		return spread.Compare{Digest: spread.Digest{State: id, Vector: drawUint(t, "vector", 1<<64-1)}}
	default:
		return spread.SyncRefuse{ID: id}
	}
}

func TestDecodeReadsWhatAppendWrote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		b := Append([]byte("before"), m)
		if !bytes.HasPrefix(b, []byte("before")) {
			t.Fatal("append overwrote what was there")
		}
		got, err := Decode(b[len("before"):])
		if err != nil {
			t.Fatalf("%v of %+v", err, m)
		}
		if !reflect.DeepEqual(got, m) {
			t.Fatalf("got %+v, want %+v", got, m)
		}
	})
}

func TestSizeIsWhatAppendWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		if size, actual := spread.Size(m), len(Append(nil, m)); actual != size {
			t.Fatalf("estimated %d, really %d, of %+v", size, actual, m)
		}
	})
}

// A lone delta ends where the packet does: what is cut off its body, or added, cannot be seen here.
func TestEveryTruncationIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		b := Append(nil, m)
		least := len(b)
		p, _ := m.(spread.Push)
		if p.Lone() {
			least -= len(p.Frames[0].Deltas[0].Body)
		}
		n := rapid.IntRange(0, least-1).Draw(t, "cut")
		if m, err := Decode(b[:n]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut to %d of %d: %+v, %v", n, len(b), m, err)
		}
		if m, err := Decode(append(b, 0)); !p.Lone() && !errors.Is(err, ErrMalformed) {
			t.Fatalf("one byte too many: %+v, %v", m, err)
		}
	})
}

func TestDecodeRefuses(t *testing.T) {
	// head is the first byte of a packet of this version.
	head := func(kind spread.Kind, rest ...byte) []byte { return append([]byte{Version<<4 | byte(kind)}, rest...) }
	push := func(deltas ...byte) []byte {
		return head(spread.KindPush, append([]byte{1, 1, 'a', 1, 0, 6}, deltas...)...)
	}
	huge := []byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1} // 2^64-1
	for _, c := range []struct {
		name string
		in   []byte
		want error
	}{
		{"nothing", nil, ErrMalformed},
		{"only a header", head(spread.KindPush), ErrMalformed},
		{"the first version", []byte{1, 1, 0x90}, ErrVersion},
		{"an older version", []byte{(Version-1)<<4 | 1, 0}, ErrVersion},
		{"a newer version", []byte{(Version+1)<<4 | 1, 0}, ErrVersion},
		{"kind 0", head(0, 0), ErrUnknownKind},
		{"the node's own kind", head(FirstForeign, 0), ErrUnknownKind},
		{"the node's last kind", head(LastForeign, 0), ErrUnknownKind},
		{"more frames than bytes", head(spread.KindPush, 255, 255, 255, 255, 15), ErrMalformed},
		{"more deltas than bytes", push(255, 255, 255, 255, 15), ErrMalformed},
		{"half a delta", push(1, 1), ErrMalformed},
		{"a sequence of 0", push(1, 0, 0), ErrMalformed},
		{"a sequence twice", push(2, 1, 0, 0, 0), ErrMalformed},
		{"sequences beyond 64 bits", push(append(append([]byte{2}, huge...), 0, 1, 0)...), ErrMalformed},
		{"a number of more than 64 bits", push(1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2, 0), ErrMalformed},
		{"a number with a byte too many", push(1, 0x81, 0, 0), ErrMalformed},
		{"a body longer than the packet", push(1, 1, 200, 1), ErrMalformed},
		{"an origin whose name is cut short", head(spread.KindPush, 1, 9, 'a', 1, 0, 6, 0), ErrMalformed},
		{"an origin whose tag is cut short", head(spread.KindHave, 1, 1, 1, 2, 3), ErrMalformed},
		{"a span of nobody", head(spread.KindHave, 1, 0, 0, 1, 1), ErrMalformed},
		{"a span beyond 64 bits", head(spread.KindHave, append([]byte{1, 4, 1, 'a', 1}, huge...)...), ErrMalformed},
		{"a number for a truth value", head(spread.KindSyncRequest, 1, 0, 2), ErrMalformed},
		{"an index beyond 32 bits", head(spread.KindSyncNext, 1, 128, 128, 128, 128, 16), ErrMalformed},
		{"a field too many", head(spread.KindSyncRefuse, 1, 1), ErrMalformed},
		{"a lone delta without a sequence", head(lone, 1, 2, 3, 4, 6), ErrMalformed},
		{"a lone delta with a sequence of 0", head(lone, 1, 2, 3, 4, 6, 0, 'x'), ErrMalformed},
		{"a lone delta whose tag is cut short", head(lone, 1, 2, 3), ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			if m, err := Decode(c.in); !errors.Is(err, c.want) || m != nil {
				t.Fatalf("got %+v, %v; want %v", m, err, c.want)
			}
		})
	}
}

func TestKindLeavesTheNodesOwnMessagesToIt(t *testing.T) {
	for kind := byte(FirstForeign); kind <= LastForeign; kind++ {
		if k, err := Kind(AppendHeader(nil, kind)); k != kind || err != nil {
			t.Fatalf("kind %d, %v", k, err)
		}
	}
	if k, err := Kind(Append(nil, spread.Want{})); k != byte(spread.KindWant) || err != nil {
		t.Fatalf("kind %d, %v", k, err)
	}
	if got := Append([]byte{9}, nil); !bytes.Equal(got, []byte{9}) {
		t.Fatalf("a nil message appended %v", got)
	}
}

// What nearly every packet of a busy cluster is: seven bytes before the body, eight from the 128th write on.
func TestALoneDeltaHasSevenOrEightBytesBeforeItsBody(t *testing.T) {
	body := bytes.Repeat([]byte{7}, 100)
	push := func(o causal.Origin, root string, seqs ...uint64) spread.Push {
		f := spread.Frame{Origin: o, Root: root, Fanout: 6}
		for _, s := range seqs {
			f.Deltas = append(f.Deltas, spread.Delta{Seq: s, Body: body})
		}
		return spread.Push{Frames: []spread.Frame{f}}
	}
	tag, full := causal.Origin{Incarnation: 0xa1b2c3d4}, causal.Origin{Node: "dc1/a", Incarnation: 1789000000}
	for _, c := range []struct {
		name   string
		m      spread.Push
		around int
	}{
		{"lone", push(tag, "", 127), 1 + 4 + 1 + 1 + 100},
		{"lone, later", push(tag, "", 16383), 1 + 4 + 1 + 2 + 100},
		{"spelled out", push(full, "", 1), 1 + 1 + 6 + 5 + 1 + 1 + 1 + 2 + 100},
		{"in the tree of a gateway", push(tag, "dc1/g", 1), 1 + 1 + 5 + 6 + 1 + 1 + 2 + 100},
		{"two", push(tag, "", 1, 2), 1 + 1 + 5 + 1 + 1 + 1 + 2*102},
	} {
		b := Append(nil, c.m)
		if len(b) != c.around {
			t.Errorf("%s: %d bytes, want %d", c.name, len(b), c.around)
		}
		if got, err := Decode(b); err != nil || !reflect.DeepEqual(got, spread.Message(c.m)) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

// A span that no honest node speaks of is cut, not garbled.
func TestASpanOfMoreThanCanBeSaidIsCut(t *testing.T) {
	s := spread.Span{Origin: causal.Origin{Node: "a"}, Range: causal.Range{First: 1, Last: 1<<64 - 1}}
	b := Append(nil, spread.Have{Spans: []spread.Span{s}})
	s.Range.Last = spread.MaxSpan
	if got, err := Decode(b); err != nil || !reflect.DeepEqual(got, spread.Message(spread.Have{Spans: []spread.Span{s}})) {
		t.Fatalf("%+v, %v", got, err)
	}
}

// A packet that promises as much as its length allows, and keeps none of it, is the worst there is.
func TestDecodeAllocatesAtMostASmallMultipleOfItsInput(t *testing.T) {
	const size = 1 << 20
	count := func(n int, rest ...byte) []byte { return append(binary.AppendUvarint(nil, uint64(n)), rest...) }
	frames := slices.Concat([]byte{Version<<4 | 1}, count(size/minFrame), []byte{1, 'a', 1, 0, 6}, count(size/minDelta-9), make([]byte, size))
	spans := slices.Concat([]byte{Version<<4 | 2}, count(size/minSpan), make([]byte, size))
	for _, in := range [][]byte{frames, spans} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := Decode(in); !errors.Is(err, ErrMalformed) {
			t.Fatalf("not refused: %v", err)
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 32*size {
			t.Errorf("%d bytes allocated for %d bytes of input", got, size)
		} else {
			t.Logf("%.1f bytes allocated a byte of input", float64(got)/size)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range samples() {
		f.Add(Append(nil, m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			if m != nil {
				t.Fatalf("a message and an error: %+v, %v", m, err)
			}
			return
		}
		again := Append(nil, m)
		if spread.Size(m) != len(again) || len(again) > len(b) {
			t.Fatalf("estimated %d bytes for %d, that came in %d", spread.Size(m), len(again), len(b))
		}
		n, err := Decode(again)
		if err != nil || !reflect.DeepEqual(m, n) {
			t.Fatalf("%v: first %+v, then %+v", err, m, n)
		}
	})
}

// samples is one message of each kind.
func samples() []spread.Message {
	o := causal.Origin{Node: "dc1/a", Incarnation: 1789000000}
	frames := []spread.Frame{{Origin: o, Fanout: 6, Deltas: []spread.Delta{{Seq: 7, Body: []byte("up")}, {Seq: 9, Body: []byte("down")}}}}
	spans := []spread.Span{{Origin: o, Range: causal.Range{First: 7, Last: 9}}}
	tag := causal.Origin{Incarnation: 0xa1b2c3d4}
	tagged := []spread.Frame{{Origin: tag, Fanout: 6, Deltas: []spread.Delta{{Seq: 700, Body: []byte("up")}}}}
	return []spread.Message{
		spread.Push{Frames: frames},
		spread.Push{Frames: tagged},
		spread.Push{Frames: append(frames, tagged...)},
		spread.Have{Spans: []spread.Span{{Origin: tag, Range: causal.Range{First: 700, Last: 731}}}},
		spread.Have{Spans: spans},
		spread.Want{Spans: spans},
		spread.SyncRequest{ID: 1 << 60, Vector: []byte{1, 2, 3}, Full: true},
		spread.SyncChunk{ID: 1 << 60, Index: 3, Frames: frames, Last: true, Summary: []byte{4}, Ready: true},
		spread.SyncNext{ID: 1 << 60, Index: 4},
		spread.SyncRefuse{ID: 1 << 60},
		spread.Compare{Digest: spread.Digest{State: 1 << 63, Vector: 7}},
	}
}

func packet() spread.Message {
	f := spread.Frame{Origin: causal.Origin{Node: "dc1/node-17", Incarnation: 1789000000}, Fanout: 6}
	for i := range uint64(10) {
		f.Deltas = append(f.Deltas, spread.Delta{Seq: 70000 + i, Body: bytes.Repeat([]byte{byte(i)}, 100)})
	}
	return spread.Push{Frames: []spread.Frame{f}}
}

func BenchmarkAppendPacket(b *testing.B) {
	m, buf := packet(), make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		buf = Append(buf[:0], m)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkDecodePacket(b *testing.B) {
	in := Append(nil, packet())
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, err := Decode(in); err != nil {
			b.Fatal(err)
		}
	}
}
