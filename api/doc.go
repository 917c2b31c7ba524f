// Package api serves a node to clients: every protocol that a client can speak, on one HTTP handler.
//
// A protocol is a package of its own below this one and knows nothing of its siblings. Each declares the interface that
// it needs of a node, and Node here is all of them together, so that any of them can be tested with a node that was made
// up. Nothing here decides anything: requests are decoded, put to the node, and answered in the words of the protocol.
//
// Concurrency. A handler is safe for any number of requests; it starts no goroutine that outlives its request.
package api
