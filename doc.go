// Package muster embeds a node of the Muster service registry: register here, find everywhere.
//
// A Node is a peer of a SWIM membership that holds the whole registry in memory. It takes any write, answers any query
// locally, and tells its peers. There is no leader and no quorum: a node that is cut off goes on answering and taking
// writes, and what differs is merged when the cut heals.
//
//	node, err := muster.Start(ctx, muster.Config{Node: "n1", Bind: "127.0.0.1:0", Join: seeds})
//	if err != nil { ... }
//	defer node.Leave(ctx)
//	lease, err := node.Register(ctx, muster.Instance{Service: "payments", Address: "10.0.0.5", Port: 8080})
//	if err != nil { ... }
//	defer lease.Deregister(ctx)
//	for _, i := range node.Lookup("payments").Instances() { ... }
//
// How it is made. Everything that is hard to get right is in pure state machines: package catalog (the replicated data),
// gossip/spread (how writes travel), selfpreserve (which leases may expire). Replica puts them together into one node,
// still without a socket, a goroutine or a clock, so that a simulator can run a thousand of them. Node is the shell
// around a Replica: it owns the lock, the goroutines, the sockets and the real clock, and makes no decisions.
//
// Data centres. A Node with Config.WANBind is a gateway: what its data centre writes goes to the others, and theirs comes
// here, by any path that is up. Each holds all of it. A data centre that cannot be reached is kept as it was, and marked.
//
// Guarantees. A registration that was acknowledged, and whose client keeps renewing at any reachable node, is found at
// every connected node; its home crashing does not take it away. An instance that alone falls silent is gone one TTL
// later; many that fall silent together are kept and marked. Nothing that was deleted comes back by itself.
//
// Not guaranteed. Two nodes may answer differently while a write travels or a cut lasts. Whoever needs a single truth
// (locks, leader election, unique names) needs a consensus store.
//
// Concurrency. All methods of a Node are safe for any number of goroutines. Nothing is global: a hundred nodes can live
// in one process.
package muster
