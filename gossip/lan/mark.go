package lan

import (
	"encoding/binary"
	"hash/crc32"
)

// memberlist puts the label in clear in front of every packet, 2 bytes and the data centre's name: more than all else that
// surrounds a small write. On the wire it is left out. What it is for it does all the same: an encrypted packet is sealed
// together with the label, and the checksum of any other is mixed with it, so that the packet of another data centre fails
// the one or the other. Streams keep it, since whoever opens one to the wrong data centre is told which that is.
//
//	encrypted       244, length, label, rest                 becomes  sealedMark, rest
//	with checksum   244, length, label, 12, checksum, rest   becomes  summedMark, checksum xor that of the label, rest
//
// All other packets are as memberlist makes them.
const (
	sealedMark = 245
	summedMark = 246
	// checksumMark is memberlist's type of a packet with a checksum, which it puts around those that are not encrypted.
	checksumMark = 12
	checksumSize = 1 + 4
)

// marker takes the label off packets and puts it back on.
type marker struct {
	head   []byte // the label as memberlist writes it
	sum    uint32 // of the label
	sealed bool   // all that is sent is encrypted
}

func newMarker(label string, sealed bool) marker {
	return marker{
		head: append([]byte{labelMark, byte(len(label))}, label...), sum: crc32.ChecksumIEEE([]byte(label)), sealed: sealed,
	}
}

// off is the packet to be sent. It uses b, which memberlist has made for this packet alone, in order to put the label on.
func (m marker) off(b []byte) []byte {
	n := len(m.head)
	if len(b) < n || string(b[:n]) != string(m.head) {
		return b
	}
	switch rest := b[n:]; {
	case m.sealed:
		b[n-1] = sealedMark
		return b[n-1:]
	case len(rest) >= checksumSize && rest[0] == checksumMark:
		rest[0] = summedMark
		m.mix(rest)
		return rest
	}
	return b
}

// on is the packet that memberlist is to read.
func (m marker) on(b []byte) []byte {
	switch {
	case len(b) > 0 && b[0] == sealedMark:
		return append(m.room(len(b)), b[1:]...)
	case len(b) >= checksumSize && b[0] == summedMark:
		b = append(m.room(len(b)), b...)
		rest := b[len(m.head):]
		rest[0] = checksumMark
		m.mix(rest)
	}
	return b
}

// room is the label, with room for so many bytes behind it.
func (m marker) room(n int) []byte { return append(make([]byte, 0, len(m.head)+n), m.head...) }

func (m marker) mix(b []byte) {
	binary.BigEndian.PutUint32(b[1:], binary.BigEndian.Uint32(b[1:])^m.sum)
}
