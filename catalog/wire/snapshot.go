package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
)

// Snapshot is what a node keeps on disk, so that a whole cluster can restart together: its catalog, who it was, and who
// its peers were.
type Snapshot struct {
	// Node is "datacenter/name"; Incarnation the life that wrote the snapshot.
	Node        string
	Incarnation uint64
	// Written is the wall time, for people.
	Written time.Time
	// Peers are the gossip addresses, "host:port", of the members that were known.
	Peers []string
	// Summary is what the catalog covered; its Held is not used. Records is what it held.
	Summary catalog.Summary
	Records []*catalog.Record
}

// A snapshot file is the magic, then blocks. A block is its length and the CRC-32C of its payload, 4 bytes each, big
// endian, and the payload. The first holds the header, the last one the number of records, those between them records.
// A file that ends early, or of which a byte was changed, is found out.
const (
	snapshotMagic  = "MUSTER\x00\x01" // The last byte is the version.
	blockTarget    = 64 << 10
	blockMax       = 64 << 20
	headerFields   = 5
	maxPeers       = 1 << 16
	maxBlockGroups = 1 << 16
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrDamaged is wrapped by the error of a snapshot that is cut short, changed, or of an unknown version.
var ErrDamaged = errors.New("wire: damaged snapshot")

// WriteSnapshot writes s to w.
func WriteSnapshot(w io.Writer, s *Snapshot) error {
	bw := bufio.NewWriterSize(w, 256<<10)
	if _, err := bw.WriteString(snapshotMagic); err != nil {
		return err
	}
	header := appendTo(nil, func(w *writer) {
		w.array(headerFields)
		w.str(s.Node)
		w.uint(s.Incarnation)
		w.int(millis(s.Written))
		w.array(len(s.Peers))
		for _, p := range s.Peers {
			w.str(p)
		}
		summary := s.Summary
		summary.Held = nil
		w.summary(summary)
	})
	if err := writeBlock(bw, header); err != nil {
		return err
	}
	var block []byte
	for recs := s.Records; len(recs) > 0; {
		block = appendTo(block[:0], func(w *writer) {
			for len(recs) > 0 && w.buf.Len() < blockTarget {
				o := recs[0].Stamp.Dot.Origin
				n := 1
				for n < len(recs) && n < 256 && recs[n].Stamp.Dot.Origin == o {
					n++
				}
				w.array(3)
				w.str(o.Node)
				w.uint(o.Incarnation)
				w.array(2 * n)
				for _, r := range recs[:n] {
					w.uint(r.Stamp.Dot.Seq)
					w.record(r)
				}
				recs = recs[n:]
			}
		})
		if err := writeBlock(bw, block); err != nil {
			return err
		}
	}
	end := appendTo(nil, func(w *writer) { w.uint(uint64(len(s.Records))) })
	if err := writeBlock(bw, end); err != nil {
		return err
	}
	return bw.Flush()
}

func writeBlock(w io.Writer, payload []byte) error {
	var head [8]byte
	binary.BigEndian.PutUint32(head[:4], uint32(len(payload)))
	binary.BigEndian.PutUint32(head[4:], crc32.Checksum(payload, castagnoli))
	if _, err := w.Write(head[:]); err != nil {
		return err
	}
	_, err := w.Write(payload)
	return err
}

// ReadSnapshot reads what WriteSnapshot wrote. The error wraps ErrDamaged if the bytes are at fault, and is the
// reader's otherwise.
func ReadSnapshot(r io.Reader) (*Snapshot, error) {
	br := bufio.NewReaderSize(r, 256<<10)
	magic := make([]byte, len(snapshotMagic))
	if _, err := io.ReadFull(br, magic); err != nil {
		return nil, damaged("magic", err)
	}
	if string(magic) != snapshotMagic {
		return nil, fmt.Errorf("%w: it begins with %q, not %q", ErrDamaged, magic, snapshotMagic)
	}
	d := &Decoder{}
	header, last, err := readBlock(br, nil)
	if err != nil {
		return nil, err
	}
	s := d.snapshotHeader(header)
	if d.err != nil || last {
		return nil, damaged("header", d.err)
	}
	var block []byte
	for {
		block, last, err = readBlock(br, block)
		if err != nil {
			return nil, err
		}
		if last {
			break
		}
		if err := d.snapshotRecords(s, block); err != nil {
			return nil, damaged("records", err)
		}
	}
	d.start(block)
	if n := d.uint(1 << 40); d.end() != nil || n != uint64(len(s.Records)) {
		return nil, fmt.Errorf("%w: it holds %d records and says it holds %d", ErrDamaged, len(s.Records), n)
	}
	return s, nil
}

func (d *Decoder) snapshotHeader(b []byte) *Snapshot {
	d.start(b)
	n := d.array(headerFields, maxFields)
	s := &Snapshot{Node: d.str(2*catalog.MaxNameBytes + 1), Incarnation: d.uint(^uint64(0)), Written: d.time()}
	for range d.array(0, maxPeers) {
		s.Peers = append(s.Peers, d.str(catalog.MaxNameBytes))
	}
	s.Summary = d.summary()
	d.skip(n - headerFields)
	_ = d.end() // Kept in d.err.
	return s
}

func (d *Decoder) snapshotRecords(s *Snapshot, b []byte) error {
	d.start(b)
	for d.err == nil && d.src.Len() > 0 {
		d.array(3, 3)
		o := d.origin()
		for range d.pairs(maxBlockGroups) {
			rec := d.record(causal.Dot{Origin: o, Seq: d.uint(^uint64(0))})
			if d.err != nil {
				return d.err
			}
			s.Records = append(s.Records, rec)
		}
	}
	return d.end()
}

// readBlock reads the next block into buf, which may grow, and says whether the file ends after it.
func readBlock(r *bufio.Reader, buf []byte) (payload []byte, last bool, err error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, false, damaged("block", err)
	}
	n := binary.BigEndian.Uint32(head[:4])
	if n > blockMax {
		return nil, false, fmt.Errorf("%w: a block of %d bytes", ErrDamaged, n)
	}
	payload = buf[:0]
	for len(payload) < int(n) { // In steps, so that a wrong length does not allocate what is not there.
		step := min(int(n)-len(payload), 1<<20)
		start := len(payload)
		if cap(payload) < start+step {
			payload = append(payload, make([]byte, step)...)
		} else {
			payload = payload[:start+step]
		}
		if _, err := io.ReadFull(r, payload[start:]); err != nil {
			return nil, false, damaged("block", err)
		}
	}
	if crc32.Checksum(payload, castagnoli) != binary.BigEndian.Uint32(head[4:]) {
		return nil, false, fmt.Errorf("%w: a block does not match its checksum", ErrDamaged)
	}
	_, err = r.Peek(1)
	return payload, errors.Is(err, io.EOF), nil
}

func damaged(what string, err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends in its %s", ErrDamaged, what)
	}
	if errors.Is(err, ErrMalformed) {
		return fmt.Errorf("%w: its %s: %w", ErrDamaged, what, err)
	}
	return err
}
