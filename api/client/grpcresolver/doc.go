// Package grpcresolver makes gRPC channels to services by their names in the registry.
//
// A target is muster:///SERVICE, with a query of any of
//
//	zone=a       prefer instances of zone a: they are used alone while they are enough, see below
//	dc=dc2       only instances of data centre dc2; the client has to look there, by its Config.Datacenter
//	tag=v2       only instances with that tag; may be repeated, and all of them count
//	port=grpc    the port of that name instead of the main one; instances that have none are left out
//	lb=NAME      the load balancing policy, "none" for the channel's own; see below
//	health=NAME  have instances asked by grpc.health.v1 for that service; health= is the server as a whole
//
// anything else in it is an error. The builder is given to a channel, or registered for all of them:
//
//	c, err := client.New(client.Config{Nodes: []string{"http://10.0.0.1:8761"}})
//	conn, err := grpc.NewClient("muster:///payments?zone=a", grpc.WithResolvers(grpcresolver.NewBuilder(c)), ...)
//
// Source. The gRPC name resolution document and gRFC A6 for the service config. The rule for zones is that of package
// balance: the instances of the zone are enough while at least half of those that are registered there take traffic. A zone
// that loses most of them is helped by all, instead of drowning what is left of it.
//
// Which instances. Those whose status is UP, so none that drains or is out of service. What the registry keeps though it
// does not hear of it, and what the client keeps though no node answers, is UP as before. An error never empties a
// channel; that a node says that there is no instance does, and the calls fail as unavailable.
//
// Weights. An endpoint has its instance, see FromEndpoint, and its weight as the attribute of
// google.golang.org/grpc/experimental/balancer/weight, which ring_hash and pick_first read. round_robin, least_request and
// random_subsetting heed no weights, and weighted_round_robin makes its own from load reports: the policy of package weighted,
// lb=muster_weighted, goes by those of the registry. Policies that know only addresses find both in BalancerAttributes.
//
// Guarantees. A change is in the channel a moment after it is in the client, and one that changes no endpoint does not reach
// it. A connection is kept while its address is, whatever else changes.
//
// Not guaranteed. The service config that a resolver sends counts for more than the channel's default one: who has retries
// in theirs, or a policy, says lb=none or sets Builder.ServiceConfig. Several instances at one address are one endpoint, with
// the weight of the first by id.
//
// Concurrency. A Builder serves any number of channels of any number of goroutines. A resolver has one goroutine, which is
// gone when the channel is closed. The client is not closed.
//
// Bounds. As many endpoints as the service has instances.
package grpcresolver
