package frame

import (
	"errors"
	"fmt"
)

// Version is the version of the layout that this package writes and reads.
const Version = 1

// FirstForeign is the lowest kind that is left to the node's own messages.
const FirstForeign = 16

// HeaderSize is the length of version and kind in bytes.
const HeaderSize = 2

var (
	// ErrVersion says that the packet is of another version of the layout.
	ErrVersion = errors.New("frame: unsupported version")
	// ErrUnknownKind says that the packet's kind is none of this package's. Kinds from FirstForeign on are the node's.
	ErrUnknownKind = errors.New("frame: unknown kind")
	// ErrMalformed says that the bytes are not a packet: cut short, too long, a count that can't be, a sequence that
	// does not ascend, or a value of the wrong type.
	ErrMalformed = errors.New("frame: malformed packet")
)

// Kind returns the kind of a packet, without looking further. Errors: ErrMalformed if there is no header, ErrVersion.
func Kind(b []byte) (byte, error) {
	if len(b) < HeaderSize {
		return 0, fmt.Errorf("%w: %d bytes", ErrMalformed, len(b))
	}
	if b[0] != Version {
		return 0, fmt.Errorf("%w: %d", ErrVersion, b[0])
	}
	return b[1], nil
}

// AppendHeader appends the header of a packet of the given kind, for the node's own messages.
func AppendHeader(dst []byte, kind byte) []byte { return append(dst, Version, kind) }
