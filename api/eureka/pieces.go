package eureka

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"net/http"
	"slices"
	"strconv"
	"sync"
)

// pieces is an answer as the parts it is made of: segments of the registry, which are shared, and what stands around
// them. It is written part by part, so that ten megabytes need not be copied together because one instance changed.
type pieces struct {
	parts []piece
	size  int
}

// piece is a part: a segment if seg is set, of which bytes is the whole.
type piece struct {
	bytes []byte
	seg   *encoded
}

func (p *pieces) add(b []byte) {
	if len(b) > 0 {
		p.parts = append(p.parts, piece{bytes: b})
		p.size += len(b)
	}
}

func (p *pieces) addSegment(e *encoded) {
	p.parts = append(p.parts, piece{bytes: e.bytes, seg: e})
	p.size += len(e.bytes)
}

// join is the answer in one.
func (p *pieces) join() []byte {
	b := make([]byte, 0, p.size)
	for _, part := range p.parts {
		b = append(b, part.bytes...)
	}
	return b
}

// write answers with the pieces, in a form.
func (p *pieces) write(w http.ResponseWriter, f form, compressed bool) {
	if compressed {
		w.Header()["Content-Encoding"] = gzipValue
	}
	p.send(w, http.StatusOK, f.contentType())
}

func (p *pieces) send(w http.ResponseWriter, status int, contentType []string) {
	h := w.Header()
	h["Content-Type"] = contentType
	h["Content-Length"] = []string{strconv.Itoa(p.size)}
	w.WriteHeader(status)
	for _, part := range p.parts {
		if _, err := w.Write(part.bytes); err != nil {
			return // A client that is gone needs no answer.
		}
	}
}

// writeBody answers with b.
func writeBody(w http.ResponseWriter, status int, contentType []string, b []byte) error {
	p := &pieces{}
	p.add(b)
	p.send(w, status, contentType)
	return nil
}

var gzipValue = []string{"gzip"}

// gzip is the answer compressed: one gzip member (RFC 1952), whose deflate blocks (RFC 1951) are those of the segments,
// each compressed on its own and kept. So a change compresses one segment, and the checksum over the whole is most of the
// rest. It is put in one, because the parts are small.
func (p *pieces) gzip() *pieces {
	z := &pieces{}
	z.add([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff})
	sum := uint32(0)
	for _, part := range p.parts {
		sum = crc32.Update(sum, crc32.IEEETable, part.bytes)
		switch {
		case part.seg != nil:
			z.add(part.seg.deflate())
		case len(part.bytes) > storedMax:
			z.add(deflate(part.bytes))
		default:
			z.add(appendStored(nil, part.bytes))
		}
	}
	end := []byte{1, 0, 0, 0xff, 0xff} // An empty block, the last one.
	end = binary.LittleEndian.AppendUint32(end, sum)
	z.add(binary.LittleEndian.AppendUint32(end, uint32(p.size)))
	return &pieces{parts: []piece{{bytes: z.join()}}, size: z.size}
}

// deflaters are kept because each is a megabyte.
var deflaters = sync.Pool{New: func() any {
	z, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		return nil // The level is one there is.
	}
	return z
}}

// deflate compresses b to whole deflate blocks, of which none is the last.
func deflate(b []byte) []byte {
	z, ok := deflaters.Get().(*flate.Writer)
	if !ok {
		return appendStored(nil, b)
	}
	defer deflaters.Put(z)
	out := bytes.NewBuffer(make([]byte, 0, len(b)/16+64))
	z.Reset(out)
	_, _ = z.Write(b) // To a buffer, which takes everything.
	_ = z.Flush()
	return slices.Clip(out.Bytes())
}

// storedMax is how long a part may be that is not worth compressing.
const storedMax = 256

// appendStored appends b as deflate blocks that are not compressed.
func appendStored(dst, b []byte) []byte {
	for len(b) > 0 {
		n := min(len(b), 0xffff)
		dst = append(dst, 0)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(n))
		dst = binary.LittleEndian.AppendUint16(dst, ^uint16(n))
		dst = append(dst, b[:n]...)
		b = b[n:]
	}
	return dst
}
