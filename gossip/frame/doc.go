// Package frame is the packet codec of replication: it turns the messages of package spread into bytes and back.
//
// Layout, version 2. Every packet and every message on a stream begins with one byte: the version in its high four bits,
// the kind in the low ones, which is the value of spread.Kind, or 9 for a lone delta; 10 to 15 belong to the node's own
// messages and are not known here. Then, in this order:
//
//	push          count, frame ...
//	lone          tag, fanout, sequence, body
//	have, want    count, span ...
//	sync_request  id, length, vector, full
//	sync_chunk    id, index, count, frame ..., last, length, summary, ready
//	sync_next     id, index
//	sync_refuse   id
//	compare       state, vector
//
//	frame         origin, length, root, fanout, count, [gap, length, body] ...
//	span          2*(last-first), length, node, incarnation, first; or 2*(last-first)+1, tag, first
//	origin        length, node, incarnation; or 0, tag
//
// A gap is the difference to the sequence before it (to 0 for the first), at least 1. Tags are four bytes, big endian;
// fanout and truth values are one; all other numbers are varints, of no more bytes than they need. A lone delta is what
// nearly every packet of a busy cluster holds: one write, by an origin that goes by its tag, in that origin's own tree. Its
// body ends with the packet; before it are 6 bytes and the sequence, where a push would take 5 more.
//
// Versions. A reader refuses every version but its own, so a change of layout takes a new version, and membership's
// protocol range keeps apart nodes that could not talk. Version 1 had the version in a byte of its own, which this one
// reads as version 0, and took this one's for version 33 and more.
//
// Guarantees. Decode never panics and allocates at most a small multiple (32) of the bytes it is given: every count is
// held against the bytes that are left before anything is made. What Append wrote, Decode reads back, an empty list or
// byte string as nil. A packet's length is spread.Size. No two packets mean the same, but for a lone delta that is sent
// as a push.
//
// Not guaranteed. That a message makes sense beyond its form, that it comes from a member, or that it arrived whole but
// altered: the transport authenticates. Which origin a tag stands for is the engine's to know. Nothing is compressed.
//
// Concurrency. All functions may be called from any goroutine.
package frame
