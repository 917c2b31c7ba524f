// Package api serves a node to clients: every protocol that a client can speak, on one HTTP handler.
//
// A protocol is a package of its own below this one and knows nothing of its siblings. Each declares the interface that
// it needs of a node, and Node here is all of them together, so that any of them can be tested with a node that was
// made up. Nothing here decides anything: requests are decoded, put to the node, and answered in the words of the
// protocol. What the protocols share is around them and not in them: request ids, recovery from panics, metrics, the
// refusal of writes that a page of another origin makes a browser send, the health endpoints, and the OpenAPI document,
// which a test holds against the routes that there are and against what they answer. Eureka's protocol is not in that
// document: it is Eureka's, and its requests are taken before there are routes. Neither are Consul's, below /v1, and
// Nacos', below /nacos, for the same reason.
//
// What one protocol registers, every other finds, and a status is a status in all of them:
//
//	native, Eureka     Consul                              Nacos                     DNS, Prometheus by healthy=true
//	UP                 all checks passing, or warning      healthy                   found
//	DOWN               a check critical                    not healthy               not found
//	STARTING, UNKNOWN  the check of the lease critical     not healthy               not found
//	OUT_OF_SERVICE     _service_maintenance:{id} critical  not enabled, not listed   not found
//	preserved          as before, and said in an output    as before, and protected  as before
//
// A lease is shown to Consul's clients as the TTL check that it is; an instance that they register has no lease and
// lives by its checks. See package consul for the whole of it.
//
// DNS is no HTTP: package dns below has a server of its own, whose metrics a handler can be given.
//
//	node, err := muster.Start(ctx, muster.Config{})
//	if err != nil { ... }
//	http.ListenAndServe("127.0.0.1:8761", api.Handler(node))
//
// Guarantees. Every request has an id, in its answer and in what is logged about it. A handler that panics answers 500
// and the process goes on. Metrics never have a service, an instance or a client in their labels.
//
// Not guaranteed. Nobody is authenticated here, and nobody's rate is limited.
//
// Concurrency. A handler is safe for any number of requests; it starts no goroutine that outlives its request. Nothing is
// global: each handler has a metrics registry of its own.
//
// Bounds. See package native for those of bodies, streams and waiting queries.
package api
