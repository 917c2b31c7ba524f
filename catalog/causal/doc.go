// Package causal is the version algebra of the catalog: who wrote what, in which order, and who has seen it.
//
// Source. Dots and version vectors with exceptions are those of dotted version vectors (Preguiça et al., arXiv
// 1011.5808) and of delta-CRDTs (Almeida, Shoker, Baquero, arXiv 1603.01529). The scalar clock in a Stamp is Lamport's
// (CACM 21(7), 1978), kept one per node and not one per key: with a clock per key, a key whose tombstone has been
// collected would start again at 1 and lose to an old replica's copy.
//
// Guarantees. Compare is a total order. Vector forms a join semilattice under Merge: commutative, associative,
// idempotent. Hash depends on content alone, not on the order in which it was added.
//
// Private origins. A node writes what is for its own data centre under a second origin, which differs from the first by a
// mark in the incarnation. To leave such origins out of a vector, and of all that goes with it, withholds their writes from
// a peer without a trace; to leave writes out of an origin that the peer covers would tell it that they are deleted.
//
// Not guaranteed. Nothing here reads a clock, and nothing here says which of two concurrent writes happened first.
//
// Concurrency. A Vector is not safe for concurrent use; its owner serialises. Origin, Dot, Stamp and Range are values.
//
// Bounds. A Vector holds one entry an origin and one Range (16 bytes) a run of sequences; without lost messages that is
// one run an origin.
package causal
