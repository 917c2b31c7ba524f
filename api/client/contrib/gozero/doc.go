// Package gozero lets go-zero's RPC clients call services by their names in the registry, and registers its RPC servers.
//
//	reg, err := gozero.Register(ctx, c, conf, client.Instance{Service: "payments"}) // c is a *client.Client
//	defer reg.Deregister(ctx)
//
//	cli, err := zrpc.NewClientWithTarget("muster:///payments?zone=a", gozero.Discovery(c))
//
// Source. go-zero has no interface for registries: what it has is gRPC's resolvers, so this is package grpcresolver, whose
// targets they are. Written for github.com/zeromicro/go-zero v1.10.3.
//
// Guarantees. Those of package grpcresolver. The load balancing policy stays go-zero's, p2c_ewma unless its config says
// otherwise: the resolver sends no service config, unless the target asks for one by lb or health.
//
// Not guaranteed. go-zero's policies know no weights: lb=muster_weighted does, and gives up p2c_ewma for it.
//
// Concurrency. All is safe for any number of goroutines. The client is not closed.
//
// Bounds. One goroutine for each of go-zero's clients, while its connection is open.
package gozero
