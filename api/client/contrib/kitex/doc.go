// Package kitex registers the servers of Kitex programs, and resolves the names that its clients call.
//
//	s := payment.NewServer(handler, server.WithRegistry(kitex.NewRegistry(c)), ...) // c is a *client.Client
//	p := payment.NewClient("payments", client.WithResolver(kitex.NewResolver(c)))
//
// Source. The interfaces of github.com/cloudwego/kitex/pkg/registry and pkg/discovery, v0.16.0.
//
// What is registered. The server's name, address, weight and tags, which are the instance's metadata; its codec and warm-up are
// kept as attributes. Kitex begins to register a second after it began to serve, with a weight of 10 if none is given, where
// others have 100: give one where both serve.
//
// Guarantees. Only instances that are UP are resolved, and weights are the registry's. An error never empties what has been
// resolved: it is served by the client's cache while no node answers.
//
// Not guaranteed. Kitex asks its resolver every 5 s, so that is how long a change may take, though the client has it in
// milliseconds and asking costs nothing: give it client.WithLoadBalancer with a shorter RefreshInterval. Calls to an instance
// that is gone are repeated by Kitex at another.
//
// Concurrency. All is safe for any number of goroutines. The client is not closed.
//
// Bounds. A name that nothing is known of is waited for 3 s at most.
package kitex
