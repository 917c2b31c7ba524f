package frame

import (
	"sync"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/gossip/spread"
)

// Append appends the packet that holds m, which from is going to send, and returns the longer slice. A nil message appends
// nothing.
func Append(dst []byte, m spread.Message, from string) []byte {
	if m == nil {
		return dst
	}
	w := writers.Get().(*writer) //nolint:errcheck // The pool holds nothing else.
	w.b, w.from = AppendHeader(dst, byte(m.Kind())), from
	w.message(m)
	dst, w.b = w.b, nil
	writers.Put(w)
	return dst
}

// writer puts msgpack values behind b. Its own Write can't fail, and the encoder fails only when that does.
type writer struct {
	b    []byte
	from string // the sender, whose name is not repeated
	enc  *msgpack.Encoder
}

var writers = sync.Pool{New: func() any {
	w := &writer{}
	w.enc = msgpack.NewEncoder(w)
	return w
}}

func (w *writer) Write(p []byte) (int, error) { w.b = append(w.b, p...); return len(p), nil }
func (w *writer) WriteByte(c byte) error      { w.b = append(w.b, c); return nil }

func (w *writer) message(m spread.Message) {
	switch m := m.(type) {
	case spread.Push:
		w.frames(m.Frames)
	case spread.Have:
		w.spans(m.Spans)
	case spread.Want:
		w.spans(m.Spans)
	case spread.SyncRequest:
		w.array(3)
		w.uint(m.ID)
		w.bytes(m.Vector)
		w.bool(m.Full)
	case spread.SyncChunk:
		w.array(6)
		w.uint(m.ID)
		w.uint(uint64(m.Index))
		w.frames(m.Frames)
		w.bool(m.Last)
		w.bytes(m.Summary)
		w.bool(m.Ready)
	case spread.SyncNext:
		w.array(2)
		w.uint(m.ID)
		w.uint(uint64(m.Index))
	case spread.SyncRefuse:
		w.array(1)
		w.uint(m.ID)
	case spread.Compare:
		w.array(2)
		w.uint(m.Digest.State)
		w.uint(m.Digest.Vector)
	}
}

func (w *writer) frames(frames []spread.Frame) {
	w.array(len(frames))
	for _, f := range frames {
		w.array(5)
		w.origin(f.Origin)
		w.string(f.Root)
		w.uint(uint64(f.Fanout))
		w.array(2 * len(f.Deltas))
		prev := uint64(0)
		for _, d := range f.Deltas {
			w.uint(d.Seq - prev)
			w.bytes(d.Body)
			prev = d.Seq
		}
	}
}

func (w *writer) spans(spans []spread.Span) {
	w.array(4 * len(spans))
	for _, s := range spans {
		w.origin(s.Origin)
		w.uint(s.Range.First)
		w.uint(s.Range.Last - s.Range.First)
	}
}

// origin leaves out the name of the sender itself, which most of what a node sends is about.
func (w *writer) origin(o causal.Origin) {
	if o.Node == w.from {
		o.Node = ""
	}
	w.string(o.Node)
	w.uint(o.Incarnation)
}

func (w *writer) array(n int)     { _ = w.enc.EncodeArrayLen(n) }
func (w *writer) uint(n uint64)   { _ = w.enc.EncodeUint(n) }
func (w *writer) bool(v bool)     { _ = w.enc.EncodeBool(v) }
func (w *writer) string(s string) { _ = w.enc.EncodeString(s) }

// bytes writes an empty string for nil, where the encoder's own would write a nil of another type.
func (w *writer) bytes(b []byte) {
	_ = w.enc.EncodeBytesLen(len(b))
	w.b = append(w.b, b...)
}
