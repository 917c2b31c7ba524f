// Package kratos registers the services of kratos programs, and finds them.
//
//	r := kratos.New(c) // c is a *client.Client
//	app := kratosapp.New(kratosapp.Name("payments"), kratosapp.Server(srv), kratosapp.Registrar(r))
//	conn, err := http.NewClient(ctx, http.WithEndpoint("discovery:///payments"), http.WithDiscovery(r))
//
// Source. The interfaces of github.com/go-kratos/kratos/v2/registry, v2.9.2.
//
// What is registered. The address and port of an instance are those of the first endpoint, its named ports those of all
// endpoints by their schemes, its metadata are the service's, its weight is what the metadata have as "weight", by which
// kratos balances, and the version is a tag. What kratos gets back is what kratos gave, endpoints, version and metadata alike,
// and the weight that the registry has. What others registered has the endpoints http://, and grpc://, of its ports of these
// names, or, if it has neither, both of them of its port: kratos takes those that it can call.
//
// Guarantees. Only instances that are UP are found. An error never empties what has been found: it is served by the client's
// cache while no node answers. A program that starts while the registry is away is registered when that is back.
//
// Not guaranteed. Endpoints at several addresses each keep theirs for kratos; others find the first. A program of kratos
// that stops closes its servers as soon as it is deregistered, some milliseconds before others know: whoever calls it then
// has to call another.
//
// Concurrency. A Registry is safe for any number of goroutines, and so is a watcher. The client is not closed.
//
// Bounds. As many registrations as there are instances; a watcher is a suspended loop until it is stopped.
package kratos
