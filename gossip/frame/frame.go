package frame

import (
	"errors"
	"fmt"

	"github.com/musterhq/muster/gossip/spread"
)

// Version is the version of the layout that this package writes and reads, 0 to 15.
const Version = 2

// FirstForeign is the lowest kind that is left to the node's own messages, LastForeign the highest.
const (
	FirstForeign = 10
	LastForeign  = 15
)

// lone is the kind of a Push of which there is a shorter form: spread.Push.Lone.
const lone = 9

// This does not compile once the engine has a kind that means something else here.
const _ = uint(lone - spread.Kinds)

// HeaderSize is the length of version and kind in bytes.
const HeaderSize = 1

var (
	// ErrVersion says that the packet is of another version of the layout.
	ErrVersion = errors.New("frame: unsupported version")
	// ErrUnknownKind says that the packet's kind is none of this package's. Kinds from FirstForeign on are the node's.
	ErrUnknownKind = errors.New("frame: unknown kind")
	// ErrMalformed says that the bytes are not a packet: cut short, too long, a count that can't be, a sequence that
	// does not ascend, or a value out of its range.
	ErrMalformed = errors.New("frame: malformed packet")
)

// Kind returns the kind of a packet, without looking further. Errors: ErrMalformed if there is no header, ErrVersion.
func Kind(b []byte) (byte, error) {
	if len(b) < HeaderSize {
		return 0, fmt.Errorf("%w: %d bytes", ErrMalformed, len(b))
	}
	if v := b[0] >> 4; v != Version {
		return 0, fmt.Errorf("%w: %d", ErrVersion, v)
	}
	return b[0] & 0xf, nil
}

// AppendHeader appends the header of a packet of the given kind, at most LastForeign, for the node's own messages.
func AppendHeader(dst []byte, kind byte) []byte { return append(dst, Version<<4|kind&0xf) }
