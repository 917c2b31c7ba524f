package lan

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/hashicorp/memberlist"
)

// Meta is what a member tells the others about itself. Encoded with data centre and zone it has at most 512 bytes.
type Meta struct {
	// Incarnation tells the lives of one node apart: never 0, higher for a later life. Fixed for the life of a pool.
	Incarnation uint64
	// HTTP is the "host:port" of the node's API; may be empty.
	HTTP string
	// Version is the program's version, for people; may be empty.
	Version string
}

// card is what travels as memberlist's node metadata:
//
//	byte     format, 1
//	uvarint  incarnation
//	4 times  uvarint length, bytes: datacenter, zone, HTTP, version
//
// What follows is ignored, so that a later version can add to it.
type card struct {
	Meta
	datacenter, zone string
}

const cardFormat = 1

var errCard = errors.New("lan: malformed node metadata")

// encode gives ErrTooLarge above 512 bytes, at which memberlist would panic.
func (c card) encode() ([]byte, error) {
	b := binary.AppendUvarint([]byte{cardFormat}, c.Incarnation)
	for _, s := range []string{c.datacenter, c.zone, c.HTTP, c.Version} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	if len(b) > memberlist.MetaMaxSize {
		return nil, fmt.Errorf("%w: node metadata has %d bytes, at most %d are allowed (HTTP has %d, Version %d)",
			ErrTooLarge, len(b), memberlist.MetaMaxSize, len(c.HTTP), len(c.Version))
	}
	return b, nil
}

// decodeCard refuses what is cut short, has another format, or is no member's: no incarnation, no data centre.
func decodeCard(b []byte) (card, error) {
	if len(b) == 0 || len(b) > memberlist.MetaMaxSize || b[0] != cardFormat {
		return card{}, errCard
	}
	var c card
	inc, n := binary.Uvarint(b[1:])
	if n <= 0 || inc == 0 {
		return card{}, errCard
	}
	c.Incarnation = inc
	b = b[1+n:]
	for _, s := range []*string{&c.datacenter, &c.zone, &c.HTTP, &c.Version} {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return card{}, errCard
		}
		b = b[n:]
		*s, b = string(b[:size]), b[size:]
	}
	if c.datacenter == "" {
		return card{}, errCard
	}
	return c, nil
}
