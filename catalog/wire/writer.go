package wire

import (
	"bytes"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

// writer is a msgpack encoder over a buffer. Writing to a buffer cannot fail, so the errors of the encoder are dropped
// here, in one place.
type writer struct {
	buf bytes.Buffer
	enc *msgpack.Encoder
}

var writers = sync.Pool{New: func() any {
	w := &writer{}
	w.enc = msgpack.NewEncoder(&w.buf)
	w.enc.UseCompactInts(true)
	return w
}}

// appendTo runs f on a pooled writer and appends what it wrote to dst.
func appendTo(dst []byte, f func(*writer)) []byte {
	w := writers.Get().(*writer) //nolint:errcheck // The pool holds nothing else.
	w.buf.Reset()
	f(w)
	dst = append(dst, w.buf.Bytes()...)
	if w.buf.Cap() < 1<<20 {
		writers.Put(w)
	}
	return dst
}

func (w *writer) array(n int)    { _ = w.enc.EncodeArrayLen(n) }
func (w *writer) str(s string)   { _ = w.enc.EncodeString(s) }
func (w *writer) uint(n uint64)  { _ = w.enc.EncodeUint(n) }
func (w *writer) int(n int64)    { _ = w.enc.EncodeInt(n) }
func (w *writer) nil()           { _ = w.enc.EncodeNil() }
func (w *writer) bytes(b []byte) { _ = w.enc.EncodeBytes(b) }
