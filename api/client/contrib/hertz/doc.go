// Package hertz registers the servers of Hertz programs, and resolves the names that its clients call.
//
//	h := server.Default(server.WithHostPorts(addr), server.WithRegistry(hertz.NewRegistry(c), &registry.Info{
//		ServiceName: "payments", Addr: utils.NewNetAddr("tcp", addr), Weight: 100,
//	})) // c is a *client.Client
//
//	cli.Use(sd.Discovery(hertz.NewResolver(c)))
//	status, body, err := cli.Get(ctx, nil, "http://payments/ping", config.WithSD(true))
//
// Source. The interfaces of github.com/cloudwego/hertz/pkg/app/server/registry and pkg/app/client/discovery, v0.10.4.
//
// What is registered. The server's name, address, weight and tags, which are the instance's metadata. Hertz begins to register
// a second after it began to serve.
//
// Guarantees. Only instances that are UP are resolved, and weights are the registry's. An error never empties what has been
// resolved: it is served by the client's cache while no node answers.
//
// Not guaranteed. Hertz asks its resolver every 5 s, so that is how long a change may take, though the client has it in
// milliseconds and asking costs nothing: give it sd.WithLoadBalanceOptions with a shorter RefreshInterval.
//
// Concurrency. All is safe for any number of goroutines. The client is not closed.
//
// Bounds. A name that nothing is known of is waited for 3 s at most.
package hertz
