package wan

import (
	"encoding/binary"
	"hash/fnv"
	"strings"
)

// ID is the identity of a node in the whole of Muster: "datacenter/name".
func ID(datacenter, name string) string { return datacenter + "/" + name }

// A life is known to Serf as "datacenter:name~tag", unique over the world. Serf knows a member by name and refuses it at a
// new address until its old life has been declared dead; with the incarnation in the name a gateway that restarts is
// another member. A slash would do for the reader, but memberlist takes what stands before the first slash of
// "name/address" for the name, and Serf's reconnect and its snapshot both join so.
func lifeName(datacenter, name string, incarnation uint64) string {
	inc := binary.BigEndian.AppendUint64(nil, incarnation)
	return datacenter + ":" + name + "~" + mark(datacenter, "/", name, "/", string(inc))
}

// markSize is the length of a mark.
const markSize = 4

const markAlphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"

// mark is 24 bits of a hash, to name in few bytes what both sides know. One pair in 16 million shares one.
func mark(parts ...string) string {
	sum := hash(parts...)
	var s strings.Builder
	for i := range markSize {
		s.WriteByte(markAlphabet[sum>>(6*i)&63])
	}
	return s.String()
}

// hash is FNV-1a with a finish that lets every bit of the input reach every bit of the sum.
func hash(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = h.Write([]byte(p))
	}
	sum := h.Sum64()
	sum = (sum ^ sum>>33) * 0xff51afd7ed558ccd
	sum = (sum ^ sum>>33) * 0xc4ceb9fe1a85ec53
	return sum ^ sum>>33
}
