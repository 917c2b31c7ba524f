// Package client finds and registers services at a cluster of Muster nodes, from a cache that outlives outages.
//
// Source. The requests are those of the native protocol: server-sent events that go on after the last one (WHATWG HTML,
// section 9.2), long polls, entity tags (RFC 9110). Between nodes it is one in use until that fails, then another, with a
// circuit breaker a node (sony/gobreaker), exponential back-off and jitter, and a token bucket for whatever is sent beyond
// the usual. That removals are not believed without a second opinion is this package's own.
//
//	c, err := client.New(client.Config{Nodes: []string{"http://muster-1:8761", "http://muster-2:8761"}})
//	if err != nil { ... }
//	defer c.Close(context.Background())
//	for _, i := range c.Lookup("payments").Healthy() { ... }
//
// Guarantees.
//   - A list that was known is never emptied by an error, by a node that is not ready, by an answer of somebody who is no
//     node, or by a restart of the program, if it has a file. It is served with its age for as long as no node answers.
//   - What a node's list suddenly lacks stays until another node says that it is gone, or until Guard.Hold has passed:
//     see Guard. What deregisters goes at once, where streams or a second node say so.
//   - A registration is renewed at any node that answers, in time for its TTL, and registered again if it is not known.
//     It begins in the background if no node answers.
//   - Clients that lose a node at the same moment do not come to the others at the same moment: streams are opened again
//     within Config.Spread, and all that is not usual is bounded by Config.RetryRate.
//   - Nothing is left running after Close.
//
// Not guaranteed. A view may be older than another client's, and than this client's own one before it moved to a node that
// is behind. With one node alone, a list that shrinks in polls is held back though all has been deregistered in order. Two
// nodes that have both lost their memory confirm each other. Clients that have moved away from a node do not come back
// to it before the next failure.
//
// Concurrency. A Client, and all that it gives away, is safe for any number of goroutines. It has one goroutine for each
// service that was looked up and for each registration, and at most two more.
//
// Bounds. At most Config.MaxServices services, with one stream or one waiting request each; lists and events of at most
// 256 MiB. A lookup takes some 10 ns and allocates nothing.
package client
