// Package bubble tests clusters of real nodes with real membership in virtual time: what cuts of seconds to hours, lost
// packets, restarts and crowds do to a registry, as its clients see it.
//
// Every cluster runs in a testing/synctest bubble over gossip/gossiptest: the nodes are muster.Node with memberlist and
// all goroutines of theirs, only sockets and the clock are replaced. Ten hours take seconds. Clients register, renew,
// move to another node when theirs does not answer, and deregister throughout, and keep a ledger of what the registry
// acknowledged. The ledger is what the registry is held to:
//
//   - at any time, on every node that a client reaches: what was acknowledged and is renewed is there, and what was
//     deregistered is not;
//   - no client that renews in time is told that it is unknown;
//   - at the end, on every node: exactly the registrations of the ledger, equal vectors, equal hashes, no divergence,
//     and every node a member to every other, within a bound that the test states.
//
// Runs do not repeat bit for bit, because memberlist draws from a source of its own and goroutines are scheduled as they
// come: outcomes are tested, not traces. The simulator next door replays traces, below memberlist.
package bubble
