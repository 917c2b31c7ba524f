// Package catalog is the registry's state: every instance of every service, as a replicated data type that any node may
// write and that all nodes agree on once they have seen the same writes.
//
// Model. The catalog is a map of last-writer-wins registers, ordered by causal.Stamp and never by a wall clock. An
// instance has up to three of them, each with its own stamp: its registration (the body that its client gave), its lease
// (home node, reported status, preservation: what the home says of it, tens of bytes, so that a flap does not carry the
// body) and its override (the operator's decision, so that a re-registration never wipes it and it never hides a newer
// registration). Home and status are those of the younger of registration and lease.
//
// What is private to a data centre is a second side of the same kind, with origins and registers of its own: other data
// centres get the public side, whole, and hear nothing of the other. An instance is on the side on which its registration
// says it is; what is written of it follows. See private.go.
//
// Source. Dots and causal contexts as in ORSWOT and delta-CRDTs (see package causal), reduced to one writer per origin:
// a dot that is covered by a vector and held by no register has been superseded or deleted. That makes deletion safe
// after its tombstone is gone: a sync drops what the other side covers but does not hold. Versioned floors as in
// Scuttlebutt implementations (chitchat, piko) say when that list has to be sent at all.
//
// Guarantees.
//   - Merge is commutative, associative and idempotent; deltas and full syncs end in the same state (I1, I4).
//   - A record whose deletion this replica has seen does not come back by any message that was sent before (I2), as
//     long as no message is delayed for longer than TombstoneAge.
//   - Two catalogs with equal vectors have equal state hashes (I1). One schedule breaks this for a while, and is why the
//     hashes are compared at all: a registration that is delayed for longer than a concurrent, winning tombstone is held
//     finds its register empty where that was collected. A full transfer then leaves both with what both hold.
//   - Of two data centres that exchange only what TransferPublic gives, neither covers or holds a private record of the
//     other, and neither can delete one.
//   - Memory is proportional to live records, origins, and tombstones within their age (I5).
//
// What is shown may be less than what is held: instances of a data centre that cannot be reached are marked, or left out of
// views (SetAway, Hide). That is this catalog's own matter and changes no record, vector or hash.
//
// Not guaranteed. Which of two concurrent writes wins is arbitrary, though the same everywhere. Nothing here expires a
// lease or decides who may write: that is for the caller.
//
// Concurrency. One goroutine at a time may call the methods that change a Catalog or that are said to need the writer's
// lock; Lookup, Services, Since, Index and everything on a View may be called by any number of goroutines meanwhile,
// and never wait for the writer: they read immutable views behind atomic pointers.
package catalog
