package wan

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/musterhq/muster/gossip/host"
)

// What each end of a stream says first, in the clear:
//
//	4 bytes   magic
//	byte      version
//	2 bytes   length of the rest, big endian
//	byte      kind: hello or refusal
//	byte      security: plain, AES-GCM or TLS
//	uvarint   capabilities, a bit each
//	4 times   uvarint length, bytes: own name, own data centre, identity of the other end, reason of a refusal
//	32 bytes  random
//
// What follows within the length is ignored, so that a later version can add to it. Magic, version and length stay as
// they are in every version. The version is also that of the messages that follow: a link whose ends could not read each
// other's would be of no use. No message of memberlist begins as the magic does: its types are below 16 or 244.
const (
	prefaceMagic   = "MWAN"
	prefaceVersion = 2
	prefaceHead    = len(prefaceMagic) + 1 + 2
	maxPreface     = 1024
	randomSize     = 32
	maxVarint      = 10
)

type prefaceKind byte

const (
	helloKind   prefaceKind = 1
	refusalKind prefaceKind = 2
)

// security is how a stream is protected.
type security byte

const (
	plainSecurity security = 1
	aeadSecurity  security = 2
	tlsSecurity   security = 3
)

// String is "none", "gossip key" or "TLS".
func (s security) String() string {
	switch s {
	case plainSecurity:
		return "none"
	case aeadSecurity:
		return "gossip key"
	case tlsSecurity:
		return "TLS"
	default:
		return "unknown"
	}
}

// compressed is the capability to read batches compressed by S2, remembering that to read those compressed against the
// past of the stream.
const (
	compressed  uint64 = 1 << 0
	remembering uint64 = 1 << 1
)

type preface struct {
	kind             prefaceKind
	security         security
	capabilities     uint64
	name, datacenter string
	to               string // identity of the other end, as the writer knows it; the dialer's is the one it wants
	reason           string // of a refusal
	random           [randomSize]byte
}

func (p preface) id() string { return ID(p.datacenter, p.name) }

// maxReason is how much of a reason travels.
const maxReason = 256

// encode gives the preface with its head.
func (p preface) encode() []byte {
	b := append([]byte(prefaceMagic), prefaceVersion, 0, 0, byte(p.kind), byte(p.security))
	b = binary.AppendUvarint(b, p.capabilities)
	for _, s := range []string{p.name, p.datacenter, p.to, p.reason[:min(len(p.reason), maxReason)]} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = append(b, p.random[:]...)
	binary.BigEndian.PutUint16(b[prefaceHead-2:], uint16(len(b)-prefaceHead))
	return b
}

// readPreface reads one preface and returns its bytes too. ErrVersion if it is of another version, ErrMalformed if it is
// none.
func readPreface(r io.Reader) (preface, []byte, error) {
	raw := make([]byte, prefaceHead, maxPreface)
	if _, err := io.ReadFull(r, raw); err != nil {
		return preface{}, nil, err
	}
	if string(raw[:len(prefaceMagic)]) != prefaceMagic {
		return preface{}, nil, fmt.Errorf("%w preface", ErrMalformed)
	}
	if v := raw[len(prefaceMagic)]; v != prefaceVersion {
		return preface{}, nil, fmt.Errorf("%w: the other end speaks version %d of links, this one %d", ErrVersion, v, prefaceVersion)
	}
	size := int(binary.BigEndian.Uint16(raw[prefaceHead-2:]))
	if size > maxPreface-prefaceHead {
		return preface{}, nil, fmt.Errorf("%w preface of %d bytes", ErrMalformed, size)
	}
	raw = raw[:prefaceHead+size]
	if _, err := io.ReadFull(r, raw[prefaceHead:]); err != nil {
		return preface{}, nil, err
	}
	p, ok := decodePreface(raw[prefaceHead:])
	if !ok {
		return preface{}, nil, fmt.Errorf("%w preface", ErrMalformed)
	}
	return p, raw, nil
}

// decodePreface reads what follows the head.
func decodePreface(b []byte) (p preface, ok bool) {
	if len(b) < 2 {
		return p, false
	}
	p.kind, p.security, b = prefaceKind(b[0]), security(b[1]), b[2:]
	var n int
	if p.capabilities, n = binary.Uvarint(b); n <= 0 {
		return p, false
	}
	b = b[n:]
	for _, s := range []*string{&p.name, &p.datacenter, &p.to, &p.reason} {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return p, false
		}
		b = b[n:]
		*s, b = string(b[:size]), b[size:]
	}
	if copy(p.random[:], b) < randomSize || p.kind != helloKind && p.kind != refusalKind || len(p.reason) > maxReason {
		return p, false
	}
	return p, host.CheckName(p.name, MaxName) == nil && host.CheckName(p.datacenter, MaxDatacenter) == nil
}
