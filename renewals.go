package muster

import (
	"errors"
	"fmt"
	"io"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/gossip/frame"
)

// renewalFields is how many values a renewal is in a packet of kindRenewals, which carries renewals to their home:
// [namespace, service, id, ...].
const renewalFields = 3

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
	buf, enc := newPacket(kindRenewals, renewalFields*n)
	for _, k := range keys[:n] {
		_ = enc.EncodeString(k.Namespace)
		_ = enc.EncodeString(k.Service)
		_ = enc.EncodeString(k.ID)
	}
	return buf.Bytes(), keys[n:]
}

// decodeRenewals reads what appendRenewals wrote.
func decodeRenewals(b []byte) ([]Key, error) {
	r, dec, n, err := openPacket(b, kindRenewals, renewalFields)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRenewals, err)
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
	keys := make([]Key, 0, n)
	for range n {
		keys = append(keys, Key{Namespace: text(), Service: text(), ID: text()})
	}
	if err == nil {
		err = closePacket(r)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRenewals, err)
	}
	return keys, nil
}
