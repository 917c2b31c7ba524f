// Package balance chooses one of the instances of a service for each request.
//
// Source. Smooth weighted round robin is nginx's, which spreads the heavy ones between the others. Power of two choices is
// Mitzenmacher's (IEEE TPDS 12(10), 2001): of two instances drawn at random the one with fewer outstanding requests for its
// weight, which keeps the longest queue short without keeping any order. Ejection follows Envoy's outlier detection:
// errors in a row eject, each time for longer, and never more than half of the instances.
//
// Guarantees. Pick gives a healthy target as long as there is one: ejection never empties the set, and a zone that has not
// enough of them is left, not insisted on. The same seed, targets, times and outcomes give the same picks.
//
// Not guaranteed. Nothing here asks an instance how it is; nothing here knows what other clients do. A pick for which no
// outcome is reported counts as outstanding for ever.
//
// Concurrency. A Balancer is safe for any number of goroutines, behind one lock. It starts none, does no I/O and reads no
// clock: time comes in.
//
// Bounds. A Balancer holds one entry a target. A pick costs O(1), with Weighted O(targets).
package balance
