// Package native speaks Muster's own HTTP protocol: JSON under /api/v1, and three short forms for a first try.
//
// Source. Errors are problem documents as in RFC 9457; metadata is changed by JSON merge patch (RFC 7396); watches are
// server-sent events (WHATWG HTML, section 9.2); conditional requests follow RFC 9110. Long polls are those of Consul's
// blocking queries, except that a query of one service is woken by that service alone.
//
// Guarantees.
//   - Every answer names the node and its data centre, the index that it reflects, and how many preserved instances it
//     holds, so that a client can tell how sure the registry is.
//   - A node that is not ready answers 503 to every question about the registry, never an empty list.
//   - What a client sends is taken as a whole or refused as a whole, naming every field at fault: unknown fields and
//     unknown query parameters are refused, because a misspelt one that is ignored does harm later.
//   - A long poll or watch that goes on from an index misses nothing that came after it; it may see a thing twice.
//
// Not guaranteed. Two nodes may answer differently while a write travels. An index means something at the node that gave
// it; another node answers it at once, with the whole.
//
// Concurrency. An API is safe for any number of requests. It starts no goroutine; the timer that keeps a stream alive
// does nothing once the request has ended.
//
// Bounds. A body is at most Config.MaxBodyBytes; streams and waiting queries together are at most Config.MaxWaiting; a
// query waits at most ten minutes; a client that takes nothing for half a minute is let go.
package native
