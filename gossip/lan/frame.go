package lan

import (
	"errors"

	"github.com/musterhq/muster/gossip/host"
)

// What surrounds a message in a packet of 1,400 bytes, which with 48 bytes of IPv6 and UDP fits any Ethernet.
const (
	packetBudget   = 1400
	labelPrefix    = "m/"
	markOverhead   = 1  // what the label becomes, see mark.go
	cryptOverhead  = 29 // version, nonce and tag of AES-GCM
	crcOverhead    = 5
	typeOverhead   = 1
	senderOverhead = 1 + MaxName
)

const (
	// MaxPacket is the largest message that Send takes, in bytes. It fits with the longest names and with encryption,
	// so that what may be sent does not depend on how a pool is named.
	MaxPacket = packetBudget - markOverhead - cryptOverhead - crcOverhead - typeOverhead - senderOverhead
	// MaxStream is the largest message that SendReliable takes, in bytes: memberlist's 20 MiB, which it applies to the
	// encrypted message with its header.
	MaxStream = 20<<20 - 512
)

// frameKind says how a message travelled, which memberlist does not tell the receiver.
type frameKind byte

const (
	packetFrame  frameKind = 1 // sent by Send
	streamFrame  frameKind = 2 // sent by SendReliable
	leavingFrame frameKind = 3 // the sender is about to leave; the message is its identity
	helloFrame   frameKind = 4 // the sender sees the receiver; the message is its identity, a space, its address
)

// nameBits is how many bits the length of a name takes.
const nameBits = 6

// This does not compile if a name may be longer than that.
const _ = uint(1<<nameBits - MaxName)

var errFrame = errors.New("lan: malformed message")

// appendFrame puts a message behind its kind and its sender:
//
//	byte  kind, less one, in the high two bits; length of the sender's name, 1 to 64, less one, in the others
//	      name, message
func appendFrame(b []byte, kind frameKind, from string, msg []byte) []byte {
	b = append(b, byte(kind-packetFrame)<<nameBits|byte(len(from)-1))
	b = append(b, from...)
	return append(b, msg...)
}

// parseFrame takes a frame apart; msg shares memory with b.
func parseFrame(b []byte) (kind frameKind, from string, msg []byte, err error) {
	if len(b) == 0 {
		return 0, "", nil, errFrame
	}
	kind = packetFrame + frameKind(b[0]>>nameBits)
	n := int(b[0]&(MaxName-1)) + 1
	if n > len(b)-1 {
		return 0, "", nil, errFrame
	}
	from, msg = string(b[1:1+n]), b[1+n:]
	if host.CheckName(from, MaxName) != nil {
		return 0, "", nil, errFrame
	}
	// A packet longer than any that Send makes would only let a stranger fill the queue with more than its share.
	if kind != streamFrame && len(msg) > packetBudget || len(msg) > memberlistMaxUser {
		return 0, "", nil, errFrame
	}
	return kind, from, msg, nil
}

// memberlistMaxUser is the largest message that memberlist hands over.
const memberlistMaxUser = 20 << 20
