// Package crowd runs one large data centre in virtual time: a thousand nodes that spread a hundred thousand
// registrations, are cut in halves, and heal. It answers how long that takes and what it costs, where package world asks
// whether anything goes wrong.
//
// What is real. Every node runs the product's replication engine, and every message has its true size. A few nodes, the
// keepers, are whole replicas with a catalog. The others, the echoes, hold no catalog: a thousand catalogs of a hundred
// thousand instances are a hundred million entries, which no machine of two cores builds in minutes. An echo keeps the
// version vector and the state hash, and answers for bodies from a pool that all echoes share; its own registrations are
// written by a catalog that holds only them. Registrations here have keys of their own and are never replaced, so that a
// dot that is covered is a dot that is held, and an echo's digest must be that of a keeper: the end of a run compares
// all of them, and a delta that was lost anywhere, or a hash that an echo gets wrong, shows.
//
// What is simulated. Packets arrive after 0.2 ms and an exponential delay, streams after a handshake and at 10 MB/s. Each
// node notices a cut at a moment of its own within 4 s, and rejoins within 2 s after the heal. Digests are compared with a
// random member once a second, as they ride on probes. Nothing is lost except over the cut; leases do not run out.
//
// Guarantees. The same Config gives the same Report, bit for bit.
//
// Concurrency. A run belongs to one goroutine.
//
// Bounds. Memory is about 0.4 kB for each pair of nodes, and 2.5 kB for each instance at a keeper.
package crowd
