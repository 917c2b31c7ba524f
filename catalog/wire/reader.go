package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// ErrMalformed is wrapped by every decoding error: the bytes are at fault, and nothing has been changed by them.
var ErrMalformed = errors.New("wire: malformed")

// Decoder decodes, and shares what recurs from one record to the next (zones, homes, tags, whole sets of metadata), so that
// a hundred thousand instances hold one copy of each. Its memory is bounded. For one goroutine at a time; the zero
// Decoder is ready.
type Decoder struct {
	src    bytes.Reader
	dec    *msgpack.Decoder
	intern map[string]string
	scrap  []byte
	err    error

	in    []byte // the message
	maps  map[string]map[string]string
	lists map[string][]string
}

const (
	internMax      = 1 << 14 // strings shared at a time
	internMaxBytes = 64      // longer ones rarely recur
)

// start begins a message.
func (d *Decoder) start(b []byte) {
	d.in = b
	d.src.Reset(b)
	d.err = nil
	if d.dec == nil {
		d.dec = msgpack.NewDecoder(&d.src)
		return
	}
	d.dec.ResetReader(&d.src)
}

// end checks that the whole message has been read, and returns the first error there was.
func (d *Decoder) end() error {
	if d.err == nil && d.src.Len() > 0 {
		d.fail("%d bytes too many", d.src.Len())
	}
	return d.err
}

func (d *Decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
	}
}

func (d *Decoder) check(err error) bool {
	if err != nil && d.err == nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		d.err = fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return d.err == nil
}

// array reads an array's length, which must be within bounds and possible: an element takes a byte.
func (d *Decoder) array(least, most int) int {
	if d.err != nil {
		return 0
	}
	n, err := d.dec.DecodeArrayLen()
	if !d.check(err) {
		return 0
	}
	if n < least || n > most || n > d.src.Len() {
		d.fail("array of %d, want %d to %d in %d bytes", n, least, most, d.src.Len())
		return 0
	}
	return n
}

// pos is how much of the message has been read.
func (d *Decoder) pos() int { return len(d.in) - d.src.Len() }

const (
	setsMax      = 1 << 12 // sets of texts shared at a time
	setsMaxBytes = 1 << 10 // larger ones rarely recur
)

// again looks whether an array of strings comes next that has been read before, byte for byte, and if so reads past it.
// What it gives is shared: a fleet says the same a thousand times, and to compare is cheaper than to read. Otherwise it
// gives the bytes under which it should be remembered, nil if they should not.
func again[S any](d *Decoder, seen map[string]S) (set S, found bool, raw []byte) {
	if d.err != nil {
		return set, false, nil
	}
	n := stringsLen(d.in[d.pos():])
	if n == 0 || n > setsMaxBytes {
		return set, false, nil
	}
	raw = d.in[d.pos() : d.pos()+n]
	if set, found = seen[string(raw)]; found {
		_, err := d.src.Seek(int64(n), io.SeekCurrent)
		d.check(err)
	}
	return set, found, raw
}

// remember keeps a set that has just been read.
func remember[S any](d *Decoder, seen *map[string]S, raw []byte, set S) {
	if d.err != nil || raw == nil {
		return
	}
	if *seen == nil || len(*seen) >= setsMax {
		*seen = make(map[string]S)
	}
	(*seen)[string(raw)] = set
}

// stringsLen is the length of the array of short strings at the start of b; 0 if there is something else, or nothing.
func stringsLen(b []byte) int {
	if len(b) == 0 || !msgpcode.IsFixedArray(b[0]) && b[0] != msgpcode.Array16 {
		return 0
	}
	n, at := int(b[0]&msgpcode.FixedArrayMask), 1
	if b[0] == msgpcode.Array16 {
		if len(b) < 3 {
			return 0
		}
		n, at = int(b[1])<<8|int(b[2]), 3
	}
	for ; n > 0 && at < len(b); n-- {
		switch c := b[at]; {
		case msgpcode.IsFixedString(c):
			at += 1 + int(c&msgpcode.FixedStrMask)
		case c == msgpcode.Str8 && at+1 < len(b):
			at += 2 + int(b[at+1])
		default:
			return 0
		}
	}
	if n > 0 || at > len(b) {
		return 0
	}
	return at
}

// skip reads past n values that a newer version has added.
func (d *Decoder) skip(n int) {
	for range n {
		d.skipValue(0)
	}
}

// maxDepth is how deep a skipped value may be nested: deeper is an attack on the stack, not a newer version.
const maxDepth = 8

func (d *Decoder) skipValue(depth int) {
	if d.err != nil {
		return
	}
	code, err := d.dec.PeekCode()
	if !d.check(err) {
		return
	}
	elements := 0
	switch {
	case msgpcode.IsFixedArray(code), code == msgpcode.Array16, code == msgpcode.Array32:
		elements, err = d.dec.DecodeArrayLen()
	case msgpcode.IsFixedMap(code), code == msgpcode.Map16, code == msgpcode.Map32:
		elements, err = d.dec.DecodeMapLen()
		elements *= 2
	case msgpcode.IsString(code), msgpcode.IsBin(code):
		n, lenErr := d.dec.DecodeBytesLen()
		if d.check(lenErr) && (n > d.src.Len() || n < 0) {
			d.fail("text of %d bytes in %d", n, d.src.Len())
		}
		if d.err == nil {
			_, err = d.src.Seek(int64(n), io.SeekCurrent)
		}
	case msgpcode.IsExt(code):
		d.fail("an extension type")
	default:
		err = d.dec.Skip() // A scalar.
	}
	if d.check(err) && (elements > d.src.Len() || elements > 0 && depth == maxDepth) {
		d.fail("%d elements at depth %d in %d bytes", elements, depth, d.src.Len())
	}
	for range elements {
		if d.err != nil {
			return
		}
		d.skipValue(depth + 1)
	}
}

func (d *Decoder) uint(most uint64) uint64 {
	if d.err != nil {
		return 0
	}
	n, err := d.dec.DecodeUint64()
	if d.check(err) && n > most {
		d.fail("number %d above %d", n, most)
	}
	return n
}

func (d *Decoder) int() int64 {
	if d.err != nil {
		return 0
	}
	n, err := d.dec.DecodeInt64()
	d.check(err)
	return n
}

// raw reads a string of at most so many bytes into the scrap buffer, which the next call overwrites.
func (d *Decoder) raw(most int) []byte {
	if d.err != nil {
		return nil
	}
	n, err := d.dec.DecodeBytesLen()
	if !d.check(err) {
		return nil
	}
	if n > most || n > d.src.Len() {
		d.fail("text of %d bytes, at most %d in %d", n, most, d.src.Len())
		return nil
	}
	if n <= 0 {
		return nil
	}
	if cap(d.scrap) < n {
		d.scrap = make([]byte, n)
	}
	b := d.scrap[:n]
	d.check(d.dec.ReadFull(b))
	return b
}

// str reads a string that is likely unique.
func (d *Decoder) str(most int) string { return string(d.raw(most)) }

// name reads a string that is likely to recur.
func (d *Decoder) name(most int) string {
	b := d.raw(most)
	if len(b) == 0 {
		return ""
	}
	if s, ok := d.intern[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(s) <= internMaxBytes {
		if d.intern == nil || len(d.intern) >= internMax {
			d.intern = make(map[string]string)
		}
		d.intern[s] = s
	}
	return s
}

// isNil reads a nil if there is one.
func (d *Decoder) isNil() bool {
	if d.err != nil {
		return true
	}
	code, err := d.dec.PeekCode()
	if !d.check(err) || code != 0xc0 {
		return false
	}
	return d.check(d.dec.DecodeNil())
}
