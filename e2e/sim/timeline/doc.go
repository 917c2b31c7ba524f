// Package timeline is the events of a simulated world in the order in which they happen: one goroutine takes them out, one
// after the other, and each may add more.
//
// Guarantees. Events of the same moment happen in the order in which they were added, so that a run depends on nothing
// but what is in it.
//
// Concurrency. None: a Queue belongs to one goroutine.
//
// Bounds. An event costs its closure and 32 bytes; adding and taking cost the logarithm of their number.
package timeline
