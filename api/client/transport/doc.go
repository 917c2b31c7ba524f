// Package transport sends HTTP requests to services by their names: http://payments.muster/charge goes to an instance of
// payments, chosen by a balancer from the client's cache.
//
// Source. Which requests may be sent twice is RFC 9110, section 9.2.2; what net/http takes for that too, an Idempotency-Key
// header, counts as well. The budget of tries is that of Finagle: a share of the requests, not a number for each.
//
// Guarantees. A request is sent again, to another instance, only if it may be: it is idempotent and got no answer at all,
// or its connection was never made. An answer is never retried, whatever its status. Tries are at most a fifth more than
// requests over time, so that an outage of a service is not made worse. A request never waits for the registry, except for
// the first answer about its service.
//
// Not guaranteed. Whether an instance is the one that the registry means: use TLS for that.
//
// Concurrency. A Transport is safe for any number of goroutines; it starts none.
//
// Bounds. It holds one balancer a service that was asked for and is known to the client: see client.Config.MaxServices.
package transport
