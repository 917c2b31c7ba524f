package frame

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"

	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/gossip/spread"
)

// The least bytes that an element takes. They bound what a count may promise.
const (
	minFrame = 1 + 1 + 1 + 1 + 1 + 1
	minDelta = 1 + 2
	minSpan  = 1 + 1 + 1 + 1
)

// Decode reads one packet, all of b, which from has sent. Bodies, vectors and summaries in the message are parts of b, which the caller hands
// over: it must not be written to afterwards. Strings are copies. Errors: ErrVersion, ErrUnknownKind, ErrMalformed.
func Decode(b []byte, from string) (spread.Message, error) {
	kind, err := Kind(b)
	if err != nil {
		return nil, err
	}
	r := readers.Get().(*reader) //nolint:errcheck // The pool holds nothing else.
	r.reset(b, from)
	m, err := r.message(kind)
	r.reset(nil, "")
	readers.Put(r)
	return m, err
}

func (r *reader) message(kind byte) (m spread.Message, err error) {
	switch spread.Kind(kind) {
	case spread.KindPush:
		m = spread.Push{Frames: r.frames()}
	case spread.KindHave:
		m = spread.Have{Spans: r.spans()}
	case spread.KindWant:
		m = spread.Want{Spans: r.spans()}
	case spread.KindSyncRequest:
		r.exactly(3)
		m = spread.SyncRequest{ID: r.uint(math.MaxUint64), Vector: r.bytes(), Full: r.bool()}
	case spread.KindSyncChunk:
		r.exactly(6)
		m = spread.SyncChunk{
			ID: r.uint(math.MaxUint64), Index: uint32(r.uint(math.MaxUint32)), Frames: r.frames(),
			Last: r.bool(), Summary: r.bytes(), Ready: r.bool(),
		}
	case spread.KindSyncNext:
		r.exactly(2)
		m = spread.SyncNext{ID: r.uint(math.MaxUint64), Index: uint32(r.uint(math.MaxUint32))}
	case spread.KindSyncRefuse:
		r.exactly(1)
		m = spread.SyncRefuse{ID: r.uint(math.MaxUint64)}
	case spread.KindCompare:
		r.exactly(2)
		m = spread.Compare{Digest: spread.Digest{State: r.uint(math.MaxUint64), Vector: r.uint(math.MaxUint64)}}
	default:
		return nil, fmt.Errorf("%w: %d", ErrUnknownKind, kind)
	}
	if r.in.Len() > 0 {
		r.fail("bytes after the end")
	}
	if r.err != nil {
		return nil, r.err
	}
	return m, nil
}

// reader takes msgpack values off b. After the first fault every value is zero and every count 0.
type reader struct {
	b    []byte
	from string
	in   bytes.Reader
	dec  *msgpack.Decoder
	err  error
}

var readers = sync.Pool{New: func() any {
	r := &reader{}
	r.dec = msgpack.NewDecoder(&r.in)
	return r
}}

// reset starts over behind the header of b.
func (r *reader) reset(b []byte, from string) {
	r.b, r.from, r.err = b, from, nil
	r.in.Reset(b[min(HeaderSize, len(b)):])
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s at byte %d of %d", ErrMalformed, what, len(r.b)-r.in.Len(), len(r.b))
	}
}

func (r *reader) frames() []spread.Frame {
	n := r.count(1, minFrame)
	if n == 0 {
		return nil
	}
	frames := make([]spread.Frame, n)
	for i := range frames {
		if r.exactly(5); r.err != nil {
			return nil
		}
		frames[i] = spread.Frame{
			Origin: r.origin(), Root: r.string(), Fanout: uint8(r.uint(math.MaxUint8)), Deltas: r.deltas(),
		}
	}
	return frames
}

func (r *reader) deltas() []spread.Delta {
	n := r.count(2, minDelta)
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
	n := r.count(4, minSpan)
	if n == 0 {
		return nil
	}
	spans := make([]spread.Span, n)
	for i := range spans {
		if r.err != nil {
			return nil
		}
		o := r.origin()
		first := r.uint(math.MaxUint64)
		more := r.uint(math.MaxUint64 - first)
		spans[i] = spread.Span{Origin: o, Range: causal.Range{First: first, Last: first + more}}
	}
	return spans
}

func (r *reader) origin() causal.Origin {
	o := causal.Origin{Node: r.string(), Incarnation: r.uint(math.MaxUint64)}
	if o.Node == "" {
		o.Node = r.from
	}
	return o
}

// count reads the header of an array whose elements are groups of the given width, at least size bytes each, and
// returns the number of groups.
func (r *reader) count(width, size int) int {
	if r.err != nil {
		return 0
	}
	n, err := r.dec.DecodeArrayLen()
	if err != nil || n < 0 || n%width != 0 || n/width > r.in.Len()/size {
		r.fail("bad count")
		return 0
	}
	return n / width
}

func (r *reader) exactly(n int) {
	if r.err != nil {
		return
	}
	if got, err := r.dec.DecodeArrayLen(); err != nil || got != n {
		r.fail("bad array")
	}
}

// uint reads a whole number of at most limit. The decoder would take negative and floating ones for it as well.
func (r *reader) uint(limit uint64) uint64 {
	if r.err != nil {
		return 0
	}
	c, err := r.dec.PeekCode()
	if err != nil || c > msgpcode.PosFixedNumHigh && (c < msgpcode.Uint8 || c > msgpcode.Uint64) {
		r.fail("not a number")
		return 0
	}
	n, err := r.dec.DecodeUint64()
	if err != nil || n > limit {
		r.fail("bad number")
		return 0
	}
	return n
}

func (r *reader) bool() bool {
	if r.err != nil {
		return false
	}
	v, err := r.dec.DecodeBool()
	if err != nil {
		r.fail("not a truth value")
	}
	return v
}

func (r *reader) string() string { return string(r.bytes()) }

// bytes is the next string or byte string, as a part of the packet; nil if it is empty.
func (r *reader) bytes() []byte {
	if r.err != nil {
		return nil
	}
	n, err := r.dec.DecodeBytesLen()
	if err != nil || n < 0 || n > r.in.Len() {
		r.fail("bad length")
		return nil
	}
	if n == 0 {
		return nil
	}
	at := len(r.b) - r.in.Len()
	if _, err := r.in.Seek(int64(n), io.SeekCurrent); err != nil {
		r.fail("bad length")
		return nil
	}
	return r.b[at : at+n : at+n]
}
