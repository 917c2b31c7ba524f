// Package world runs a data centre, or two or three and the links between them, in virtual time: the product's own replicas, with everything around them simulated, so
// that thousands of schedules of faults can be run and each be replayed from one number.
//
// What is real. muster.Replica, which is a node without its shell: the catalog, the leases, self-preservation, the
// replication engine and the rules of ownership between them. In a quarter of the schedules every message and snapshot
// goes through the wire format as well.
//
// What is simulated. Clocks that drift and are set; packets that are lost, doubled, delayed and overtaken; streams that
// arrive in order or fail; a membership in the manner of SWIM, with detection that takes its time, differs for each
// observer and is sometimes wrong; machines that crash with or without their disk, are stopped, leave, come back with an
// old snapshot, or share a name; clients that register, renew, fail over, deregister, hang and die, and whose hosts accept
// or refuse a connection, or do not answer across a cut; permanent instances that answer health checks as they are, or
// report; operators. Between data centres: links that carry messages in order and lose them when they end, whose ends hear
// of it at different moments and choose another, and what gateways hear of each other's, late and sometimes stale; and some
// instances that are private to theirs, for ever or now and then.
//
// Source. The shape is that of TigerBeetle's VOPR (safety with faults, then liveness in which a core must recover within
// a bound) and of FoundationDB's simulation (swizzled cuts). Zombies are told from concurrent writes by a ledger of what
// the writer of each tombstone knew.
//
// Checkers are named by when they must hold: anytime_, eventually_ (within a stated bound after everything has been
// repaired), finally_ (at the end). Each of them has found a planted bug or has a test in which it fails.
//
// Guarantees. The same Plan is the same run, bit for bit: one goroutine, one heap of events in order of time and
// sequence, chance from one seed, and no order of a map that reaches an outcome.
//
// Not guaranteed. memberlist, sockets, files and the protocols that clients speak are not here; the tests in e2e/bubble
// and e2e/proc have those.
//
// Concurrency. A World belongs to one goroutine. Different worlds share nothing.
//
// Bounds. A run ends at its planned time, or when it has done maxEvents a node.
package world
