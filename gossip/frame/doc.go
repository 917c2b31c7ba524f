// Package frame is the packet codec of replication: it turns the messages of package spread into bytes and back.
//
// Layout, version 1. Every packet and every message on a stream is
//
//	byte 0   version, 1
//	byte 1   kind, the value of spread.Kind; 16 and above belong to the node's own messages and are not known here
//	byte 2.. one msgpack array, its elements in this order:
//
//	push          frame ...
//	have, want    node, incarnation, first, last-first; repeated for each span
//	sync_request  id, vector, full
//	sync_chunk    id, index, [frame ...], last, summary, ready
//	sync_next     id, index
//	sync_refuse   id
//	compare       state, vector
//
// where a frame is [node, incarnation, root, fanout, [gap, body, gap, body, ...]] and a gap is the difference to the
// sequence before it (to 0 for the first), at least 1. Sequences thus take one byte where they follow each other. A node
// that is empty is the sender itself: nearly all that a node sends in a small cluster is its own.
//
// Versions. A reader refuses every version but its own, so a change of layout takes a new version, and membership's
// protocol range keeps apart nodes that could not talk.
//
// Guarantees. Decode never panics and allocates at most a small multiple (24) of the bytes it is given: every count is
// held against the bytes that are left before anything is made. What Append wrote, Decode reads back, an empty list or
// byte string as nil. A packet's length is never above spread.Size.
//
// Not guaranteed. That a message makes sense beyond its form, that it comes from a member, or that it arrived whole but
// altered: the transport authenticates. Nothing is compressed.
//
// Concurrency. All functions may be called from any goroutine.
package frame
