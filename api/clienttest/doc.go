// Package clienttest is a cluster for the tests of what is built on the client: real nodes, gossiping, each with its API on a
// port of this machine.
//
// Source. None; it is what a program would do that embeds a node, several times in one process.
//
// Guarantees. The nodes know each other, and are ready, when Start returns. Nothing is left running after Close. Not
// guaranteed: that two clusters do not share a port one after the other; addresses are free ports on loopback.
//
// Concurrency. All methods are safe for any number of goroutines, but for Close of the cluster and of its nodes.
//
// Bounds. A node waits at most 10 s for its peers.
package clienttest
