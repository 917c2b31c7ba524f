// Package doctor finds what is wrong with a node and with the cluster as that node sees it, and says it in words: what, since
// when, why, and what to do.
//
// It has two halves. Examine is pure: it makes findings of facts, all of which are in one value, so that each finding can be
// tested without a cluster. Asker gathers the facts that only other members know, by asking their APIs.
//
// Source. The checks are those that operators of registries ask for in their issue trackers: who is cut off, who is
// flapping, which address cannot be right, whose clock is off, who holds something else. That members hold the same is
// judged by version vectors (see package causal): a member differs if it still lacks what another had a second before, so
// that writes under way are no finding.
//
// Guarantees. The same facts give the same findings in the same order: errors, then warnings, then information. What is
// said of a member is what this node knows of it; nothing is changed, and nobody is told.
//
// Not guaranteed. No finding does not mean that all is well elsewhere: ask a node of each data centre. Clocks are compared
// over HTTP, to half a round trip.
//
// Concurrency. Everything here may be called by any goroutine. Asker starts goroutines that end before Ask returns.
//
// Bounds. Ask has 16 requests under way at most, each of 3 s and an answer of 16 MiB at most.
package doctor
