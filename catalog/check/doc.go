// Package check is the machine of the health checks that one node runs: when each is due, what its results make of its
// status, when a client's reports have stopped, and when an instance has been critical for too long to stay.
//
// Source. Types, thresholds and time-outs are those of Consul's agent, seen from outside: the counters, the first result
// that always counts, the floor of a minute under a deregistration, and its clock, which starts when the check becomes
// critical. Not Consul's: what happens when reports stop, see Guarantees.
//
// Guarantees. A check has at most one run under way; a late answer of an earlier one is told by its token and ignored.
// First runs are spread over one interval. Identical results write nothing, and an output that changes without the
// status is written at most once in OutputEvery. The reports of an instance that has no lease of its own are its lease:
// while all of them are missing, no check of it expires before Lapse says that it was not this node that stopped hearing.
// A report that is missing while others of the same instance arrive expires by its own clock. Equal calls and an equal
// seed give equal outputs, in equal order.
//
// Not guaranteed. Nothing here runs a check, removes an instance or writes a record: the owner takes what is to be done
// and does it. A run that is never answered is never repeated: the owner answers every one.
//
// Concurrency. A Machine is not safe for concurrent use: its owner serialises. It has no clock, goroutine or log.
//
// Bounds. About 400 bytes a check beside its definition and output, and one entry in the heap. A call costs O(log n).
package check
