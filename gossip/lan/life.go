package lan

import (
	"hash/fnv"
	"strings"

	"github.com/musterhq/muster/gossip/host"
)

// A life is known to memberlist as "name~tag". The tag is 24 bits of a hash of the incarnation, 4 characters: it is in
// every probe, and the incarnation itself would cost 10 bytes more, twice a second and node.
const (
	tagMark     = '~'
	tagSize     = 4
	tagAlphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
)

// lifeID is the identity of one life of a node.
func lifeID(name string, incarnation uint64) string {
	h := fnv.New64a()
	var b [8]byte
	for i := range b {
		b[i] = byte(incarnation >> (8 * i))
	}
	_, _ = h.Write(b[:])
	sum := h.Sum64()
	sum ^= sum >> 29 // The low bits of FNV depend on the low bits of its input alone.
	var s strings.Builder
	s.WriteString(name)
	s.WriteByte(tagMark)
	for i := range tagSize {
		s.WriteByte(tagAlphabet[sum>>(6*i)&63])
	}
	return s.String()
}

// nameOf is the name in an identity; false if it is none.
func nameOf(id string) (string, bool) {
	cut := len(id) - tagSize - 1
	if cut < 1 || id[cut] != tagMark {
		return "", false
	}
	name := id[:cut]
	return name, host.CheckName(name, MaxName) == nil
}
