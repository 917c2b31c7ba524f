// Package gossiptest is an in-memory network for tests of memberlist and of what is built on it: packets with delay,
// loss and duplication, streams that stall and break, and cuts between hosts that can be made and healed at will.
//
// Source. The behaviour imitated is that of UDP and TCP as a program sees them, not as they are built: a packet to
// nowhere vanishes without an error, a full receive queue drops, a dial to a silent address ends at its timeout, bytes
// written into a cut wait for it to heal, and a process that dies resets its streams. memberlist's own mock transport
// has none of that and blocks for ever on a dead peer.
//
// Guarantees. No call blocks longer than its deadline. Losses and delays are drawn from one seeded source. Everything
// that waits does so on channels and timers, so that a Network works inside a testing/synctest bubble, where minutes
// cost milliseconds.
//
// Not guaranteed. Runs do not repeat bit for bit: the order in which goroutines draw from the source is the scheduler's.
// Assert outcomes, not traces.
//
// Concurrency. All methods of all types may be called from any goroutine.
//
// Bounds. A receive queue holds Options.Queue packets, a stream 1 MiB each way, a host 128 streams not yet accepted.
package gossiptest
