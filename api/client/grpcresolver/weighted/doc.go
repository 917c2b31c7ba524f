// Package weighted is a gRPC load balancing policy that gives each endpoint its share of the calls by its weight.
//
// It is registered by being imported, under the name muster_weighted:
//
//	import _ "github.com/musterhq/muster/api/client/grpcresolver/weighted"
//
//	grpc.NewClient("muster:///payments?lb=muster_weighted", ...)
//
// Source. Weyl's theorem (1916): the multiples of an irrational number, modulo one, fill the unit interval evenly, and those
// of the golden ratio most evenly of all. The nth call goes to the endpoint in whose part of the interval the nth multiple
// lies. So calls are spread evenly in time too, without a lock and without an operation for each endpoint.
//
// Guarantees. Of any row of calls each ready endpoint gets its share, but for a few calls, whose number grows with the
// logarithm of the row's length. Weights are those of google.golang.org/grpc/experimental/balancer/weight; an endpoint
// without one has 100, as an instance without one has. Connections are as with round_robin, of which this is a sibling:
// one to each endpoint, health checks included.
//
// Not guaranteed. Nothing is measured: endpoints that are slow get as many calls as their weight says.
//
// Concurrency. As gRPC demands of policies.
//
// Bounds. A pick is a binary search among the ready endpoints, and allocates nothing of its own.
package weighted
