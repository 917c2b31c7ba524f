// Package spread is the replication engine inside one data centre: it pushes writes down a tree, tells peers what it
// has, pulls what it lacks, and syncs with a peer when pulling piecemeal would not do.
//
// Source. The tree is that of Plumtree (Leitão, Pereira, Rodrigues, SRDS 2007) without its negotiation: every member
// knows every other, so the members in order of zone and name, rotated so that the root comes first and read as a K-ary
// heap, are a tree that any node computes alone. Have and Want are Plumtree's IHAVE and GRAFT, for dots instead of
// messages. Anti-entropy by version vectors follows Scuttlebutt (van Renesse et al., LADIS 2008), with gaps.
//
// How a write travels. The writer sends it at once to its children in its own tree; each node passes on what is new to
// it, and a little later tells a few random peers which dots it has. A peer that still lacks one asks for exactly that.
// A lost frame also shows as a gap in the next one; the last frame before silence is announced three times more. What
// is missing after a few tries, or is too much to ask for, is fetched by a sync. Equal digests on the probes that are
// sent anyway end the matter.
//
// Names. After its first few writes an origin goes by a tag of 32 bits in what is pushed and announced, computed from its name
// and incarnation. Each node reads it by the origins that it knows, those of the members and those in its vector. One that it
// does not know, or that two of them share, is nobody's: nothing of the message is believed, and a sync with its sender
// brings what there is. Who knows two that share a tag spells both out, and so do questions, answers and syncs.
//
// Data centres. A gateway has links to gateways of others, whose far ends are no members: see far.go. What arrives by a
// link is spread here by a tree whose root is the gateway; what is written here, and what a third data centre writes that
// the far side has no link to, is forwarded over it, once. Digests every two seconds show what a link has lost.
//
// What is private to a data centre, by its origins, is in no message over a link, and refused in one that comes over it:
// towards the far end of a link the engine asks the store that Config.Far names.
//
// Guarantees. A delta that a live member holds reaches every member that stays connected to it, whatever is lost,
// duplicated, reordered or delayed, given that digests keep being exchanged. Without loss every member receives a delta
// exactly once. A sync is finished at the store only when all of it has been applied. The same inputs and the same
// random source give the same outputs, in the same order.
//
// Not guaranteed. Order of any kind. That a tag is read right by a node that knows neither the member nor any write of it, but
// another origin with the same tag, one of four billion, of which the sender does not know. That a write survives if its
// writer dies before anyone has received it. Nothing here authenticates: whoever can send a message is believed to be a
// member.
//
// Caller's duties. Hand every event to Step; send each output that holds a message, best effort or, where Reliable is
// set, by stream; call Step with a Tick when the time that Next names has come (earlier or later does no harm).
//
// Concurrency. An Engine is not safe for concurrent use, starts no goroutine, reads no clock and does no I/O. It calls
// its Store from within Step and from nowhere else.
//
// Bounds. Bodies kept for peers that ask: CacheBytes in total, CacheDots an origin, none older than CacheAge. Missing
// runs tracked: 1,024. Sessions: SyncIn and SyncOut. Announcements: a few runs an origin, AnnounceRate bytes a
// second, of the latest writers first. Tags: one an origin, and a look at the store a second for unknown ones.
// A message costs no more work or memory than its own size times a small constant, whatever ranges it names; the
// exception is a SyncRequest, which costs the store a snapshot and is limited by SyncIn.
package spread
