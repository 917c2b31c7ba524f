package frame

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/gossip/spread"
)

// The least bytes that an element takes. They bound what a count may promise.
const (
	minFrame = 1 + 1 + 1 + 1 + 1 + 1 // length of the name, name, incarnation, root, fanout, count
	minDelta = 1 + 1                 // gap, length
	minSpan  = 1 + 1 + 1 + 1 + 1     // length, length of the name, name, incarnation, first
)

// Decode reads one packet, all of b. Bodies, vectors and summaries in the message are parts of b, which the caller hands
// over: it must not be written to afterwards. Strings are copies. Errors: ErrVersion, ErrUnknownKind, ErrMalformed.
func Decode(b []byte) (spread.Message, error) {
	kind, err := Kind(b)
	if err != nil {
		return nil, err
	}
	r := reader{b: b, at: HeaderSize}
	m, err := r.message(kind)
	if err != nil {
		return nil, err
	}
	if r.left() > 0 {
		r.fail("bytes after the end")
	}
	if r.err != nil {
		return nil, r.err
	}
	return m, nil
}

func (r *reader) message(kind byte) (m spread.Message, err error) {
	if kind == lone {
		return r.lone(), nil
	}
	switch spread.Kind(kind) {
	case spread.KindPush:
		m = spread.Push{Frames: r.frames()}
	case spread.KindHave:
		m = spread.Have{Spans: r.spans()}
	case spread.KindWant:
		m = spread.Want{Spans: r.spans()}
	case spread.KindSyncRequest:
		m = spread.SyncRequest{ID: r.uint(math.MaxUint64), Vector: r.bytes(), Full: r.bool()}
	case spread.KindSyncChunk:
		m = spread.SyncChunk{
			ID: r.uint(math.MaxUint64), Index: uint32(r.uint(math.MaxUint32)), Frames: r.frames(),
			Last: r.bool(), Summary: r.bytes(), Ready: r.bool(),
		}
	case spread.KindSyncNext:
		m = spread.SyncNext{ID: r.uint(math.MaxUint64), Index: uint32(r.uint(math.MaxUint32))}
	case spread.KindSyncRefuse:
		m = spread.SyncRefuse{ID: r.uint(math.MaxUint64)}
	case spread.KindCompare:
		m = spread.Compare{Digest: spread.Digest{State: r.uint(math.MaxUint64), Vector: r.uint(math.MaxUint64)}}
	default:
		return nil, fmt.Errorf("%w: %d", ErrUnknownKind, kind)
	}
	return m, nil
}

// reader takes values off b. After the first fault every value is zero and every count 0.
type reader struct {
	b   []byte
	at  int
	err error
}

func (r *reader) left() int { return len(r.b) - r.at }

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s at byte %d of %d", ErrMalformed, what, r.at, len(r.b))
	}
}

// lone is one delta that takes all that is left.
func (r *reader) lone() spread.Message {
	f := spread.Frame{Origin: r.tag(), Fanout: r.byte()}
	d := spread.Delta{Seq: r.uint(math.MaxUint64)}
	if d.Seq == 0 {
		r.fail("a sequence of 0")
	}
	d.Body = r.take(r.left())
	f.Deltas = []spread.Delta{d}
	return spread.Push{Frames: []spread.Frame{f}}
}

func (r *reader) frames() []spread.Frame {
	n := r.count(minFrame)
	if n == 0 {
		return nil
	}
	frames := make([]spread.Frame, n)
	for i := range frames {
		frames[i] = spread.Frame{Origin: r.origin(), Root: r.string(), Fanout: r.byte(), Deltas: r.deltas()}
		if r.err != nil {
			return nil
		}
	}
	return frames
}

func (r *reader) deltas() []spread.Delta {
	n := r.count(minDelta)
	if n == 0 {
		return nil
	}
	deltas := make([]spread.Delta, n)
	prev := uint64(0)
	for i := range deltas {
		gap := r.uint(math.MaxUint64 - prev)
		if gap == 0 {
			r.fail("a sequence that does not ascend")
			return nil
		}
		prev += gap
		deltas[i] = spread.Delta{Seq: prev, Body: r.bytes()}
	}
	return deltas
}

func (r *reader) spans() []spread.Span {
	n := r.count(minSpan)
	if n == 0 {
		return nil
	}
	spans := make([]spread.Span, n)
	for i := range spans {
		more := r.uint(math.MaxUint64)
		o := r.named(more&1 == 1)
		first := r.uint(math.MaxUint64 - more>>1)
		if r.err != nil {
			return nil
		}
		spans[i] = spread.Span{Origin: o, Range: causal.Range{First: first, Last: first + more>>1}}
	}
	return spans
}

func (r *reader) origin() causal.Origin {
	if r.left() > 0 && r.b[r.at] == 0 {
		r.at++
		return r.named(true)
	}
	return r.named(false)
}

// named is an origin, or the tag of one.
func (r *reader) named(tagged bool) causal.Origin {
	if tagged {
		return r.tag()
	}
	o := causal.Origin{Node: r.string(), Incarnation: r.uint(math.MaxUint64)}
	if o.Node == "" {
		r.fail("an origin without a name")
	}
	return o
}

func (r *reader) tag() causal.Origin {
	b := r.take(4)
	if b == nil {
		return causal.Origin{}
	}
	return causal.Origin{Incarnation: uint64(binary.BigEndian.Uint32(b))}
}

// count is the number of elements that follow, of at least size bytes each.
func (r *reader) count(size int) int {
	return int(r.uint(uint64(r.left() / size)))
}

// uint reads a whole number of at most limit, in as few bytes as it takes.
func (r *reader) uint(limit uint64) uint64 {
	if r.err != nil {
		return 0
	}
	n, size := binary.Uvarint(r.b[r.at:])
	if size <= 0 || n > limit || size > 1 && r.b[r.at+size-1] == 0 {
		r.fail("bad number")
		return 0
	}
	r.at += size
	return n
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) bool() bool { return r.uint(1) == 1 }

func (r *reader) string() string { return string(r.bytes()) }

// bytes is the next byte string, as a part of the packet; nil if it is empty.
func (r *reader) bytes() []byte {
	return r.take(int(r.uint(uint64(r.left()))))
}

// take is the next n bytes, as a part of the packet; nil if there are none or too few, which then is a fault.
func (r *reader) take(n int) []byte {
	if r.err != nil || n == 0 {
		return nil
	}
	if n > r.left() {
		r.fail("cut short")
		return nil
	}
	start := r.at
	r.at += n
	return r.b[start:r.at:r.at]
}
