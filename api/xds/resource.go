package xds

import (
	"crypto/sha256"
	"encoding/hex"
	"hash/fnv"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// resource is one resource as it is sent. Immutable.
type resource struct {
	name    string
	version string // a hash of the body: equal versions are equal contents, in all processes of one build
	body    *anypb.Any
}

// encode makes a resource of a message. An error is a fault of this package: all texts are checked before.
func encode(k kind, name string, m proto.Message) *resource {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil // Not UTF-8, which a registry does not hold; nothing is better than half of it.
	}
	sum := sha256.Sum256(b)
	return &resource{name, hex.EncodeToString(sum[:16]), &anypb.Any{TypeUrl: typeURLs[k], Value: b}}
}

// size is about how many bytes the resource takes in a message.
func (r *resource) size() int { return len(r.body.GetValue()) + len(r.name) + 128 }

// same reports whether two resources, either of which may be nil, are equal.
func same(a, b *resource) bool {
	return a == b || a != nil && b != nil && a.version == b.version
}

// mixed is a hash of a set of names and versions, whatever their order.
func mixed(held map[string]string) string {
	var sum uint64
	for name, version := range held {
		h := fnv.New64a()
		_, _ = h.Write([]byte(name + "\x00" + version)) // A hash never fails.
		sum += h.Sum64()
	}
	var b [8]byte
	for i := range b {
		b[i] = byte(sum >> (8 * (7 - i)))
	}
	return hex.EncodeToString(b[:])
}

// must is an Any of a message that has no texts of others in it, encoded once.
func must(m proto.Message) func() *anypb.Any {
	return sync.OnceValue(func() *anypb.Any { return anyOf(m) })
}

func anyOf(m proto.Message) *anypb.Any {
	out := &anypb.Any{}
	if err := anypb.MarshalFrom(out, m, proto.MarshalOptions{Deterministic: true}); err != nil {
		return nil
	}
	return out
}
