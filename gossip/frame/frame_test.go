package frame

import (
	"bytes"
	"cmp"
	"errors"
	"reflect"
	"runtime"
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

// self is who sends the packets of the tests.
const self = "dc1/a"

func drawNode(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "dc1/a", "dc1/a-node-of-twenty", "dc1/" + string(bytes.Repeat([]byte{'x'}, 300))}).Draw(t, "node")
}

// drawUint favours the values at which an encoding grows.
func drawUint(t *rapid.T, label string, limit uint64) uint64 {
	edge := rapid.SampledFrom([]uint64{0, 1, 127, 128, 255, 256, 65535, 65536, 1<<32 - 1, 1 << 32, 1<<64 - 1}).Draw(t, label)
	return min(edge, limit)
}

func drawOrigin(t *rapid.T) causal.Origin {
	return causal.Origin{Node: cmp.Or(drawNode(t), self), Incarnation: drawUint(t, "incarnation", 1<<64-1)}
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
		last := first + drawUint(t, "length", 1<<64-1-first)
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
		b := Append([]byte("before"), m, self)
		if !bytes.HasPrefix(b, []byte("before")) {
			t.Fatal("append overwrote what was there")
		}
		got, err := Decode(b[len("before"):], self)
		if err != nil {
			t.Fatalf("%v of %+v", err, m)
		}
		if !reflect.DeepEqual(got, m) {
			t.Fatalf("got %+v, want %+v", got, m)
		}
	})
}

func TestSizeIsATightUpperBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		size, actual := spread.Size(m), len(Append(nil, m, ""))
		arrays := 1
		switch m := m.(type) {
		case spread.Push:
			arrays += len(m.Frames)
		case spread.SyncChunk:
			arrays += len(m.Frames)
		}
		if actual > size || size > actual+4*arrays {
			t.Fatalf("estimated %d, really %d, of %+v", size, actual, m)
		}
	})
}

func TestEveryTruncationIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Append(nil, drawMessage(t), self)
		n := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if m, err := Decode(b[:n], self); !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut to %d of %d: %+v, %v", n, len(b), m, err)
		}
		if m, err := Decode(append(b, 0), self); !errors.Is(err, ErrMalformed) {
			t.Fatalf("one byte too many: %+v, %v", m, err)
		}
	})
}

func TestDecodeRefuses(t *testing.T) {
	push := func(deltas ...byte) []byte {
		return append([]byte{1, 1, 0x91, 0x95, 0xa1, 'a', 1, 0xa0, 6}, deltas...)
	}
	for _, c := range []struct {
		name string
		in   []byte
		want error
	}{
		{"nothing", nil, ErrMalformed},
		{"only a version", []byte{1}, ErrMalformed},
		{"an older version", []byte{0, 1, 0x90}, ErrVersion},
		{"a newer version", []byte{2, 1, 0x90}, ErrVersion},
		{"kind 0", []byte{1, 0, 0x90}, ErrUnknownKind},
		{"a kind not given out", []byte{1, byte(spread.Kinds), 0x90}, ErrUnknownKind},
		{"the node's own kind", []byte{1, FirstForeign, 0x90}, ErrUnknownKind},
		{"a map for an array", []byte{1, 1, 0x80}, ErrMalformed},
		{"nil for an array", []byte{1, 1, 0xc0}, ErrMalformed},
		{"more frames than bytes", []byte{1, 1, 0xdd, 0xff, 0xff, 0xff, 0xff}, ErrMalformed},
		{"more deltas than bytes", push(0xdd, 0x7f, 0xff, 0xff, 0xfe), ErrMalformed},
		{"half a delta", push(0x91, 1), ErrMalformed},
		{"a sequence of 0", push(0x92, 0, 0xc4, 0), ErrMalformed},
		{"a sequence twice", push(0x94, 1, 0xc4, 0, 0, 0xc4, 0), ErrMalformed},
		{"sequences beyond 64 bits", push(0x94, 0xcf, 255, 255, 255, 255, 255, 255, 255, 255, 0xc4, 0, 1, 0xc4, 0), ErrMalformed},
		{"a negative sequence", push(0x92, 0xff, 0xc4, 0), ErrMalformed},
		{"a floating sequence", push(0x92, 0xca, 0x3f, 0x80, 0, 0, 0xc4, 0), ErrMalformed},
		{"a body longer than the packet", push(0x92, 1, 0xc6, 0xff, 0xff, 0xff, 0xff), ErrMalformed},
		{"a fanout of 256", []byte{1, 1, 0x91, 0x95, 0xa1, 'a', 1, 0xa0, 0xcd, 1, 0, 0x90}, ErrMalformed},
		{"a span beyond 64 bits", []byte{1, 2, 0x94, 0xa1, 'a', 1, 2, 0xcf, 255, 255, 255, 255, 255, 255, 255, 255}, ErrMalformed},
		{"three quarters of a span", []byte{1, 2, 0x93, 0xa1, 'a', 1, 2}, ErrMalformed},
		{"a number for a truth value", []byte{1, 4, 0x93, 1, 0xc4, 0, 1}, ErrMalformed},
		{"an index beyond 32 bits", []byte{1, 6, 0x92, 1, 0xcf, 0, 0, 0, 1, 0, 0, 0, 0}, ErrMalformed},
		{"a field too many", []byte{1, 7, 0x92, 1, 1}, ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			if m, err := Decode(c.in, self); !errors.Is(err, c.want) || m != nil {
				t.Fatalf("got %+v, %v; want %v", m, err, c.want)
			}
		})
	}
}

func TestKindLeavesTheNodesOwnMessagesToIt(t *testing.T) {
	if k, err := Kind(AppendHeader(nil, 200)); k != 200 || err != nil {
		t.Fatalf("kind %d, %v", k, err)
	}
	if k, err := Kind(Append(nil, spread.Want{}, self)); k != byte(spread.KindWant) || err != nil {
		t.Fatalf("kind %d, %v", k, err)
	}
	if got := Append([]byte{9}, nil, self); !bytes.Equal(got, []byte{9}) {
		t.Fatalf("a nil message appended %v", got)
	}
}

// A packet that promises as much as its length allows, and keeps none of it, is the worst there is.
func TestDecodeAllocatesAtMostASmallMultipleOfItsInput(t *testing.T) {
	const size = 1 << 20
	frames := append([]byte{1, 1, 0xdd, 0, 2, 0x80, 0, 0x95, 0xa1, 'a', 1, 0xa0, 6, 0xdd, 0, 9, 0, 0}, make([]byte, size)...)
	spans := append([]byte{1, 2, 0xdd, 0, 15, 0, 0}, make([]byte, size)...)
	for _, in := range [][]byte{frames, spans} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := Decode(in, self); !errors.Is(err, ErrMalformed) {
			t.Fatalf("not refused: %v", err)
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 24*size {
			t.Errorf("%d bytes allocated for %d bytes of input", got, size)
		} else {
			t.Logf("%.1f bytes allocated a byte of input", float64(got)/size)
		}
	}
}

// Most of what a node sends is its own, and its name is not repeated; what comes from others is not taken for its own.
func TestTheSendersNameIsLeftOut(t *testing.T) {
	m := spread.Push{Frames: []spread.Frame{
		{Origin: causal.Origin{Node: self, Incarnation: 1}, Deltas: []spread.Delta{{Seq: 1, Body: []byte("x")}}},
		{Origin: causal.Origin{Node: "dc1/b", Incarnation: 1}, Deltas: []spread.Delta{{Seq: 1, Body: []byte("x")}}},
	}}
	own, foreign := Append(nil, m, self), Append(nil, m, "dc1/c")
	if len(foreign)-len(own) != len(self) {
		t.Errorf("%d bytes from its origin, %d from another", len(own), len(foreign))
	}
	for from, b := range map[string][]byte{self: own, "dc1/c": foreign} {
		if got, err := Decode(b, from); err != nil || !reflect.DeepEqual(got, spread.Message(m)) {
			t.Errorf("from %s: %+v, %v", from, got, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range samples() {
		f.Add(Append(nil, m, self))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b, self)
		if err != nil {
			if m != nil {
				t.Fatalf("a message and an error: %+v, %v", m, err)
			}
			return
		}
		again := Append(nil, m, self)
		if spread.Size(m) < len(again) {
			t.Fatalf("estimated %d bytes for %d", spread.Size(m), len(again))
		}
		n, err := Decode(again, self)
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
	return []spread.Message{
		spread.Push{Frames: frames},
		spread.Have{Spans: spans},
		spread.Want{Spans: spans},
		spread.SyncRequest{ID: 1 << 60, Vector: []byte{1, 2, 3}, Full: true},
		spread.SyncChunk{ID: 1 << 60, Index: 3, Frames: frames, Last: true, Summary: []byte{4}, Ready: true},
		spread.SyncNext{ID: 1 << 60, Index: 4},
		spread.SyncRefuse{ID: 1 << 60},
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
		buf = Append(buf[:0], m, self)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkDecodePacket(b *testing.B) {
	in := Append(nil, packet(), self)
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, err := Decode(in, self); err != nil {
			b.Fatal(err)
		}
	}
}
