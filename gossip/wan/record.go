package wan

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/s2"
)

// A stream is records after the prefaces:
//
//	4 bytes  length of the rest, big endian
//	         sealed: byte kind, body
//
// The length is part of what is sealed. A batch is its messages, each behind its length; a packed batch is the length of
// the batch and the batch compressed by S2; a like batch is the length of the batch and the batch compressed by DEFLATE
// with what went before for a dictionary, see past. A ping is 8 bytes that a pong gives back. A bye is the reason, for
// people.
type recordKind byte

const (
	confirmRecord recordKind = 1 // the first of each direction: a hash of both prefaces
	batchRecord   recordKind = 2
	packedRecord  recordKind = 3
	pingRecord    recordKind = 4
	pongRecord    recordKind = 5
	byeRecord     recordKind = 6
	likeRecord    recordKind = 7
)

const (
	recordHead = 4
	// maxBatch is the largest batch: one message of MaxMessage, or some that are less than batchBytes together.
	maxBatch = MaxMessage + maxVarint
	// maxRecord is the largest record: a batch, or one that compression made longer, which is not sent.
	maxRecord = 1 + maxBatch + gcmOverhead
	// firstRead is how much memory a record is given before its bytes arrive. A length is only a claim.
	firstRead = 4 << 10
	// packFrom is from how many bytes on it is worth to compress.
	packFrom = 256
)

// recordWriter writes records. It is not safe for concurrent use.
type recordWriter struct {
	w      io.Writer
	sealer sealer
	plain  []byte
	out    []byte
}

// write sends one record in one call of Write.
func (w *recordWriter) write(kind recordKind, body []byte) error {
	w.plain = append(append(w.plain[:0], byte(kind)), body...)
	size := len(w.plain) + w.sealer.overhead()
	w.out = binary.BigEndian.AppendUint32(w.out[:0], uint32(size))
	out, err := w.sealer.seal(w.out, w.out[:recordHead:recordHead], w.plain)
	if err != nil {
		return err
	}
	w.out = out
	_, err = w.w.Write(w.out)
	// What one large message needed is not kept for ever.
	if cap(w.out) > 4*batchBytes {
		w.out, w.plain = nil, nil
	}
	return err
}

// recordReader reads records. It is not safe for concurrent use.
type recordReader struct {
	r      io.Reader
	sealer sealer
	buf    []byte
	head   [recordHead]byte
}

// read gives the next record; body is good until the next call. The error is the stream's, ErrMalformed or ErrKey.
func (r *recordReader) read() (kind recordKind, body []byte, err error) {
	if _, err := io.ReadFull(r.r, r.head[:]); err != nil {
		return 0, nil, err
	}
	size := int(binary.BigEndian.Uint32(r.head[:]))
	if size < 1+r.sealer.overhead() || size > maxRecord {
		return 0, nil, fmt.Errorf("%w record of %d bytes", ErrMalformed, size)
	}
	if cap(r.buf) > 4*batchBytes {
		r.buf = nil
	}
	for have := 0; have < size; {
		want := min(size, max(2*have, firstRead, cap(r.buf)))
		if want > cap(r.buf) {
			r.buf = append(make([]byte, 0, want), r.buf[:have]...)
		}
		r.buf = r.buf[:want]
		if _, err := io.ReadFull(r.r, r.buf[have:]); err != nil {
			return 0, nil, noEnd(err)
		}
		have = want
	}
	plain, err := r.sealer.open(r.head[:], r.buf[:size])
	if err != nil {
		return 0, nil, err
	}
	return recordKind(plain[0]), plain[1:], nil
}

// noEnd makes the end of a stream in the middle of a record what it is.
func noEnd(err error) error {
	if err == io.EOF { //nolint:errorlint // ReadFull returns it unwrapped.
		return io.ErrUnexpectedEOF
	}
	return err
}

// appendBatch appends messages, each behind its length.
func appendBatch(b []byte, msgs [][]byte) []byte {
	for _, m := range msgs {
		b = binary.AppendUvarint(b, uint64(len(m)))
		b = append(b, m...)
	}
	return b
}

// splitBatch gives the messages of a batch to f. They share the batch's memory. ErrMalformed, before f has been called,
// if it is none.
func splitBatch(b []byte, f func(msg []byte)) error {
	for _, call := range []bool{false, true} {
		for rest := b; len(rest) > 0; {
			size, n := binary.Uvarint(rest)
			if n <= 0 || size > MaxMessage || size > uint64(len(rest)-n) {
				return fmt.Errorf("%w batch", ErrMalformed)
			}
			end := n + int(size)
			if call {
				f(rest[n:end:end])
			}
			rest = rest[end:]
		}
	}
	return nil
}

// pack compresses a batch into dst, behind its length; false if that saves nothing.
func pack(dst, batch []byte) ([]byte, bool) {
	if len(batch) < packFrom {
		return dst, false
	}
	if need := s2.MaxEncodedLen(len(batch)); cap(dst) < need {
		dst = make([]byte, need)
	}
	dst = s2.Encode(dst[:cap(dst)], batch)
	return dst, len(dst) < len(batch)
}

// unpack gives the batch in memory of its own, of at most maxBatch bytes. ErrMalformed.
func unpack(packed bool, body []byte) ([]byte, error) {
	if !packed {
		return bytes.Clone(body), nil
	}
	if size, err := s2.DecodedLen(body); err != nil || size > maxBatch {
		return nil, fmt.Errorf("%w packed batch", ErrMalformed)
	}
	b, err := s2.Decode(nil, body)
	if err != nil {
		return nil, fmt.Errorf("%w packed batch", ErrMalformed)
	}
	return b, nil
}
