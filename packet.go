package muster

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/musterhq/muster/gossip/frame"
)

// The node's own kinds of packets, beside those of the replication engine. Each is one array of groups of fields.
const (
	kindRenewals = frame.FirstForeign + iota
	kindReports
	kindWorld
)

// newPacket begins a packet of so many fields. Writing to it cannot fail.
func newPacket(kind byte, fields int) (*bytes.Buffer, *msgpack.Encoder) {
	buf := bytes.NewBuffer(frame.AppendHeader(nil, kind))
	enc := msgpack.NewEncoder(buf)
	_ = enc.EncodeArrayLen(fields)
	return buf, enc
}

// openPacket reads the beginning of a packet: how many groups of width fields it has, which is no more than bytes are left.
func openPacket(b []byte, kind byte, width int) (r *bytes.Reader, dec *msgpack.Decoder, groups int, err error) {
	if got, err := frame.Kind(b); err != nil || got != kind {
		return nil, nil, 0, errors.New("wrong kind or version")
	}
	r = bytes.NewReader(b[frame.HeaderSize:])
	dec = msgpack.NewDecoder(r)
	n, err := dec.DecodeArrayLen()
	if err != nil || n < 0 || n%width != 0 || n > r.Len() {
		return nil, nil, 0, fmt.Errorf("%d fields in %d bytes", n, len(b))
	}
	return r, dec, n / width, nil
}

// closePacket says whether something follows what was read.
func closePacket(r *bytes.Reader) error {
	if r.Len() > 0 {
		return fmt.Errorf("%d bytes too many", r.Len())
	}
	return nil
}
