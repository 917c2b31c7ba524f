package muster

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/gossip/frame"
)

// kindRenewals is the kind of packet that carries renewals to their home: [namespace, service, id, ...].
const kindRenewals = frame.FirstForeign

// errRenewals is a packet of renewals that cannot be read. Nothing was renewed by it.
var errRenewals = errors.New("muster: malformed renewals")

// appendRenewals makes one packet with as many of keys as fit maxBytes, at least one, and returns the rest.
func appendRenewals(keys []Key, maxBytes int) (packet []byte, rest []Key) {
	n, size := 0, frame.HeaderSize+5
	for n < len(keys) {
		k := keys[n]
		if size += len(k.Namespace) + len(k.Service) + len(k.ID) + 9; size > maxBytes && n > 0 {
			break
		}
		n++
	}
	buf := bytes.NewBuffer(frame.AppendHeader(nil, kindRenewals))
	enc := msgpack.NewEncoder(buf)
	_ = enc.EncodeArrayLen(3 * n) // Writing to a buffer cannot fail.
	for _, k := range keys[:n] {
		_ = enc.EncodeString(k.Namespace)
		_ = enc.EncodeString(k.Service)
		_ = enc.EncodeString(k.ID)
	}
	return buf.Bytes(), keys[n:]
}

// decodeRenewals reads what appendRenewals wrote.
func decodeRenewals(b []byte) ([]Key, error) {
	if kind, err := frame.Kind(b); err != nil || kind != kindRenewals {
		return nil, fmt.Errorf("%w: wrong kind or version", errRenewals)
	}
	r := bytes.NewReader(b[frame.HeaderSize:])
	dec := msgpack.NewDecoder(r)
	n, err := dec.DecodeArrayLen()
	if err != nil || n < 0 || n%3 != 0 || n > r.Len() {
		return nil, fmt.Errorf("%w: %d fields in %d bytes", errRenewals, n, len(b))
	}
	var scrap [catalog.MaxNameBytes]byte
	text := func() string {
		if err != nil {
			return ""
		}
		var length int
		if length, err = dec.DecodeBytesLen(); err == nil && (length < 1 || length > len(scrap)) {
			err = fmt.Errorf("a name of %d bytes", length)
		}
		if err == nil {
			_, err = io.ReadFull(r, scrap[:length])
		}
		if err != nil {
			return ""
		}
		return string(scrap[:length])
	}
	keys := make([]Key, 0, n/3)
	for range n / 3 {
		keys = append(keys, Key{Namespace: text(), Service: text(), ID: text()})
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRenewals, err)
	}
	if r.Len() > 0 {
		return nil, fmt.Errorf("%w: %d bytes too many", errRenewals, r.Len())
	}
	return keys, nil
}
