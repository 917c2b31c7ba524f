package spread

import "github.com/musterhq/muster/catalog/causal"

// Store is the catalog as the engine sees it. The engine calls it from within Step; no call may call the engine back.
// Bodies passed in either direction belong to both sides from then on and are not written to.
type Store interface {
	// Covers reports whether the dot has been taken into account, whether or not its record is still held. A dot with
	// Seq 0 is covered.
	Covers(d causal.Dot) bool
	// Missing lists the runs of s that are not covered, lowest first, at most limit of them. Its cost grows with the
	// number of runs known of the origin, never with the length of s.
	Missing(s Span, limit int) []causal.Range
	// Apply merges writes of one origin, in ascending order, and returns those that were not covered before, in the
	// same order. A body that can't be read leaves its dot uncovered and makes an error; fresh then lists those that
	// were merged all the same, which may be none.
	Apply(o causal.Origin, deltas []Delta) (fresh []Delta, err error)
	// Origins lists the origins of which anything is covered, each once. The slice is the engine's.
	Origins() []causal.Origin
	// Body is the record with this dot, if it is still held.
	Body(d causal.Dot) ([]byte, bool)
	// Digest is the pair of hashes that tells this store from another.
	Digest() Digest
	// Vector is the version vector, encoded.
	Vector() []byte
	// Transfer takes a consistent snapshot of what the sender of the vector lacks. An error means that the vector can't
	// be read.
	Transfer(vector []byte, full bool) (Transfer, error)
	// Lacks reports whether the sender of the vector covers something that this store does not.
	Lacks(vector []byte) (bool, error)
	// Finish ends a sync of which every chunk has been applied: it merges the sender's vector and floors and drops what
	// the sender covers and no longer holds. On an error nothing has changed.
	Finish(summary []byte) error
}

// Transfer is the snapshot behind one session. It is dropped, without a call, when the session ends or expires.
type Transfer interface {
	// Next takes the next frames whose sizes (FrameSize) add up to maxBytes at most, but at least one delta if any is
	// left. more is false with the last ones.
	Next(maxBytes int) (frames []Frame, more bool)
	// Summary is what the other side's Finish needs. It is asked for after the last Next.
	Summary() []byte
}
