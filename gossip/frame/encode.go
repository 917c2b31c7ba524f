package frame

import (
	"encoding/binary"

	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/gossip/spread"
)

// Append appends the packet that holds m, spread.Size(m) bytes, and returns the longer slice. A nil message appends
// nothing.
func Append(dst []byte, m spread.Message) []byte {
	if m == nil {
		return dst
	}
	if p, ok := m.(spread.Push); ok && p.Lone() {
		f := p.Frames[0]
		b := writer(AppendHeader(dst, lone))
		b.tag(f.Origin)
		b.byte(f.Fanout)
		b.uint(f.Deltas[0].Seq)
		return append(b, f.Deltas[0].Body...)
	}
	b := writer(AppendHeader(dst, byte(m.Kind())))
	b.message(m)
	return b
}

// writer is the packet as far as it is written.
type writer []byte

func (w *writer) message(m spread.Message) {
	switch m := m.(type) {
	case spread.Push:
		w.frames(m.Frames)
	case spread.Have:
		w.spans(m.Spans)
	case spread.Want:
		w.spans(m.Spans)
	case spread.SyncRequest:
		w.uint(m.ID)
		w.bytes(m.Vector)
		w.bool(m.Full)
	case spread.SyncChunk:
		w.uint(m.ID)
		w.uint(uint64(m.Index))
		w.frames(m.Frames)
		w.bool(m.Last)
		w.bytes(m.Summary)
		w.bool(m.Ready)
	case spread.SyncNext:
		w.uint(m.ID)
		w.uint(uint64(m.Index))
	case spread.SyncRefuse:
		w.uint(m.ID)
	case spread.Compare:
		w.uint(m.Digest.State)
		w.uint(m.Digest.Vector)
	}
}

func (w *writer) frames(frames []spread.Frame) {
	w.uint(uint64(len(frames)))
	for _, f := range frames {
		w.origin(f.Origin)
		w.string(f.Root)
		w.byte(f.Fanout)
		w.uint(uint64(len(f.Deltas)))
		prev := uint64(0)
		for _, d := range f.Deltas {
			w.uint(d.Seq - prev)
			w.bytes(d.Body)
			prev = d.Seq
		}
	}
}

func (w *writer) spans(spans []spread.Span) {
	w.uint(uint64(len(spans)))
	for _, s := range spans {
		more := min(s.Range.Last-s.Range.First, spread.MaxSpan-1)
		if s.Origin.Node == "" {
			w.uint(more<<1 | 1)
			w.tag(s.Origin)
		} else {
			w.uint(more << 1)
			w.spelled(s.Origin)
		}
		w.uint(s.Range.First)
	}
}

// origin writes an origin, or the tag that stands for one: the length of the name, which is 0 for a tag, tells which.
func (w *writer) origin(o causal.Origin) {
	if o.Node == "" {
		w.byte(0)
		w.tag(o)
		return
	}
	w.spelled(o)
}

func (w *writer) spelled(o causal.Origin) {
	w.string(o.Node)
	w.uint(o.Incarnation)
}

func (w *writer) tag(o causal.Origin) { *w = binary.BigEndian.AppendUint32(*w, uint32(o.Incarnation)) }

func (w *writer) byte(c byte)   { *w = append(*w, c) }
func (w *writer) uint(n uint64) { *w = binary.AppendUvarint(*w, n) }

func (w *writer) bool(v bool) {
	if v {
		w.byte(1)
	} else {
		w.byte(0)
	}
}

func (w *writer) string(s string) {
	w.uint(uint64(len(s)))
	*w = append(*w, s...)
}

func (w *writer) bytes(b []byte) {
	w.uint(uint64(len(b)))
	*w = append(*w, b...)
}
