// Package peer keeps Eureka servers up to date for as long as a move from them to Muster lasts: what registers here is found
// there, and what was registered there before the move began is found here.
//
// Source. Eureka's peer replication: batches of at most 250 items, POSTed to peerreplication/batch/, each answered by itself
// (github.com/Netflix/eureka, package com.netflix.eureka.cluster). Unlike there, what cannot be sent is not dropped
// after thirty seconds but kept, the newest for each instance, until the server answers again.
//
// Guarantees.
//   - Of a cluster's nodes one at a time speaks to a server: the member that is alive and whose name, hashed together with the
//     server's, is the lowest. Which one it is may be seen differently for a moment; then two of them do, and no
//     harm is done, because every item may be repeated.
//   - What was learned from a server by replication is never sent to one. It is marked, and the mark goes when the instance
//     registers here itself.
//   - An instance is renewed at the server as long as it is in this registry, preserved or not, at its own interval.
//   - When an instance is newer at the server, by its client's clock, the server's is taken over.
//
// Not guaranteed. An instance that is deregistered while the speaking node changes stays at the server until its lease there
// runs out. What the server's own clients register reaches Muster only if the server has a Muster node among its peers;
// without it only those are found that were there at the beginning, until their leases end.
//
// Concurrency. Run starts two goroutines for each server and returns once they have ended.
//
// Bounds. One request at a time to each server, 5 s each; after a failure it waits 0.5 s, and twice as long each time up to 30 s,
// with jitter. Memory is that of what has not been acknowledged: at most an entry for each instance.
package peer
