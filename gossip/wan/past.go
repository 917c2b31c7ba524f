package wan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
)

const (
	// pastBytes is how much of what went over a stream is remembered: what DEFLATE's encoder takes for a dictionary.
	pastBytes = 8 << 10
	// shortBatch is up to how many bytes a batch is compressed against the past. A longer one repeats itself enough, and
	// S2 takes less time.
	shortBatch = 8 << 10
	// shortest is from how many bytes on it is tried: less cannot repay the length that goes with it.
	shortest = 24
)

// past is the end of all batches that have gone over one direction of a stream, the same at both ends, since records
// arrive in order or not at all. What one registration writes is nearly what the one before it wrote: compressed by
// itself it stays as it is, compressed against the past a third is left of 100 bytes, and half of 300. The zero past is
// that of a new stream. It is not safe for concurrent use.
type past struct {
	b []byte
	// The reader's, made when it is needed first.
	inflater io.ReadCloser
	src      bytes.Reader
}

// add remembers a batch, whatever its record was.
func (p *past) add(batch []byte) {
	if len(batch) >= pastBytes {
		p.b = append(p.b[:0], batch[len(batch)-pastBytes:]...)
		return
	}
	if over := len(p.b) + len(batch) - pastBytes; over > 0 {
		p.b = p.b[:copy(p.b, p.b[over:])]
	}
	p.b = append(p.b, batch...)
}

// pack compresses a short batch into dst, behind its length; false if that saves nothing. It does not remember it.
func (p *past) pack(dst, batch []byte) ([]byte, bool) {
	if len(batch) < shortest || len(batch) > shortBatch {
		return dst, false
	}
	w := bytes.NewBuffer(binary.AppendUvarint(dst[:0], uint64(len(batch))))
	if err := flate.StatelessDeflate(w, batch, true, p.b); err != nil {
		return dst, false // A buffer takes everything.
	}
	return w.Bytes(), w.Len() < len(batch)
}

// unpack gives the batch, in memory of its own. ErrMalformed if body is none. It does not remember it.
func (p *past) unpack(body []byte) ([]byte, error) {
	size, n := binary.Uvarint(body)
	if n <= 0 || size > shortBatch {
		return nil, fmt.Errorf("%w batch after a past", ErrMalformed)
	}
	p.src.Reset(body[n:])
	if p.inflater == nil {
		p.inflater = flate.NewReaderDict(&p.src, p.b)
	} else if r, ok := p.inflater.(flate.Resetter); !ok || r.Reset(&p.src, p.b) != nil {
		return nil, errors.New("wan: a decompressor does not begin anew") // It always does.
	}
	batch := make([]byte, size)
	if _, err := io.ReadFull(p.inflater, batch); err != nil {
		return nil, fmt.Errorf("%w batch after a past", ErrMalformed)
	}
	var more [1]byte
	if got, err := p.inflater.Read(more[:]); got > 0 || err != io.EOF || p.src.Len() > 0 {
		return nil, fmt.Errorf("%w batch after a past: it does not end where it should", ErrMalformed)
	}
	return batch, nil
}
