package spread

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/musterhq/muster/catalog/causal"
)

// Instant is local monotonic time since the start of the process. It is never sent to anyone.
type Instant = time.Duration

// Delta is one write: its sequence within its origin, counted from 1, and the encoded record without its dot. The body
// is opaque here. Whoever passes a Delta in gives up its body: nobody may write to it afterwards.
type Delta struct {
	Seq  uint64
	Body []byte
}

// run is the delta's sequence as a range.
func (d Delta) run() causal.Range { return causal.Range{First: d.Seq, Last: d.Seq} }

// Frame is a batch of writes of one origin, and the tree by which it travels.
type Frame struct {
	// Origin is the writer. In a message it may go by its tag: no Node, and the tag for an Incarnation.
	Origin causal.Origin
	// Root is the member at the top of the tree; empty for the origin's own node. It differs at a gateway, which
	// spreads the writes of another data centre in its own.
	Root string
	// Fanout is K, the number of children a member has in this tree. It is the root's choice and travels along, so that
	// members with different views of the cluster still agree on the tree. 0: not to be passed on.
	Fanout uint8
	// Deltas are in ascending order of Seq, without repeats, at least one.
	Deltas []Delta
}

// root is the member at the top of the frame's tree.
func (f Frame) root() string {
	if f.Root != "" {
		return f.Root
	}
	return f.Origin.Node
}

// ordered reports whether the frame keeps what its documentation promises.
func (f Frame) ordered() bool {
	prev := uint64(0)
	for _, d := range f.Deltas {
		if d.Seq <= prev {
			return false
		}
		prev = d.Seq
	}
	return f.Origin.Node != "" && len(f.Deltas) > 0
}

// MaxSpan is how many sequences of a span can be spoken of in a message; of a longer one the first.
const MaxSpan = 1 << 63

// Span is a run of one origin's writes. In a Have the origin may go by its tag, as in a Frame.
type Span struct {
	Origin causal.Origin
	Range  causal.Range
}

// valid reports whether the span names at least one dot.
func (s Span) valid() bool {
	return s.Origin.Node != "" && s.Range.First > 0 && s.Range.First <= s.Range.Last
}

// Kind names a type of message. The values are those of the wire.
type Kind uint8

// The kinds of message. 0 is none; Kinds is one more than the highest.
const (
	KindPush Kind = iota + 1
	KindHave
	KindWant
	KindSyncRequest
	KindSyncChunk
	KindSyncNext
	KindSyncRefuse
	KindCompare
	Kinds
)

var kindNames = [Kinds]string{"none", "push", "have", "want", "sync_request", "sync_chunk", "sync_next", "sync_refuse", "compare"}

// String is the kind in snake case, as used in metrics; "none" for what is no kind.
func (k Kind) String() string {
	if k >= Kinds {
		return kindNames[0]
	}
	return kindNames[k]
}

// Message is what members say to each other: a Push, Have, Want, SyncRequest, SyncChunk, SyncNext, SyncRefuse or
// Compare, by value.
type Message interface {
	// Kind names the type.
	Kind() Kind
	isMessage()
}

// Push carries writes: down the tree, or in answer to a Want.
type Push struct{ Frames []Frame }

// Lone reports whether the push is one write by an origin that goes by its tag, in that origin's own tree. There is a form
// of its own for it, see package frame.
func (m Push) Lone() bool {
	return len(m.Frames) == 1 && len(m.Frames[0].Deltas) == 1 && m.Frames[0].Origin.Node == "" && m.Frames[0].Root == "" &&
		m.Frames[0].Deltas[0].Seq > 0
}

// Have says which dots the sender has, so that a peer which lacks them can ask. It carries no payload.
type Have struct{ Spans []Span }

// Want asks for exactly these dots. What the receiver does not hold it leaves out of its answer, which is a Push.
type Want struct{ Spans []Span }

// SyncRequest asks for everything that the sender lacks. It opens a session.
type SyncRequest struct {
	// ID names the session. Unique for its sender.
	ID uint64
	// Vector is the sender's version vector, in the store's own encoding.
	Vector []byte
	// Full asks for the list of live dots, whatever the tombstone floors say.
	Full bool
}

// SyncChunk is one part of the answer to a SyncRequest. Index counts from 0.
type SyncChunk struct {
	ID     uint64
	Index  uint32
	Frames []Frame
	// Last marks the end. Summary and Ready are set only here.
	Last bool
	// Summary is what the store needs to finish: the sender's vector, floors, and so on. Opaque.
	Summary []byte
	// Ready says that the sender itself holds a complete catalog.
	Ready bool
}

// SyncNext says that the receiver of a sync has applied every chunk before Index and is ready for that one.
type SyncNext struct {
	ID    uint64
	Index uint32
}

// SyncRefuse says that the receiver of a SyncRequest is too busy to serve it, or could not read it.
type SyncRefuse struct{ ID uint64 }

// Compare is the sender's digest. Inside a data centre it rides on probes; between two it is a message of its own.
type Compare struct{ Digest Digest }

// Kind is KindPush.
func (Push) Kind() Kind { return KindPush }

// Kind is KindHave.
func (Have) Kind() Kind { return KindHave }

// Kind is KindWant.
func (Want) Kind() Kind { return KindWant }

// Kind is KindSyncRequest.
func (SyncRequest) Kind() Kind { return KindSyncRequest }

// Kind is KindSyncChunk.
func (SyncChunk) Kind() Kind { return KindSyncChunk }

// Kind is KindSyncNext.
func (SyncNext) Kind() Kind { return KindSyncNext }

// Kind is KindSyncRefuse.
func (SyncRefuse) Kind() Kind { return KindSyncRefuse }

// Kind is KindCompare.
func (Compare) Kind() Kind { return KindCompare }

func (Push) isMessage()        {}
func (Have) isMessage()        {}
func (Want) isMessage()        {}
func (SyncRequest) isMessage() {}
func (SyncChunk) isMessage()   {}
func (SyncNext) isMessage()    {}
func (SyncRefuse) isMessage()  {}
func (Compare) isMessage()     {}

// ErrDigest says that some bytes are not a Digest.
var ErrDigest = errors.New("spread: not a digest")

// DigestSize is the length of an encoded Digest in bytes.
const DigestSize = 16

// Digest is what two nodes compare to learn whether they hold the same: the hash of the live records and the hash of
// the version vector. It rides on probe acks.
type Digest struct{ State, Vector uint64 }

// AppendBinary appends the DigestSize bytes of d, state first, big endian. The error is always nil.
func (d Digest) AppendBinary(b []byte) ([]byte, error) {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, d.State), d.Vector), nil
}

// ParseDigest reads what AppendBinary wrote. Any other length than DigestSize is ErrDigest.
func ParseDigest(b []byte) (Digest, error) {
	if len(b) != DigestSize {
		return Digest{}, ErrDigest
	}
	return Digest{State: binary.BigEndian.Uint64(b), Vector: binary.BigEndian.Uint64(b[8:])}, nil
}
