// Package gokit registers the services of Go kit programs, and feeds its endpointers.
//
//	r := gokit.NewRegistrar(c, client.Instance{Service: "payments", Address: host, Port: port}, logger) // c is a *client.Client
//	r.Register()
//	defer r.Deregister()
//
//	instancer := gokit.NewInstancer(c, "payments", logger)
//	defer instancer.Stop()
//	endpointer := sd.NewEndpointer(instancer, factory, logger)
//
// Source. The interfaces of github.com/go-kit/kit/sd, v0.13.0.
//
// Guarantees. Instances are host:port of those that are UP, sorted. An endpointer gets what is known at once and every change
// a moment after the client has it. Once something is known there are no events of errors: what the client's cache has is
// served while no node answers.
//
// Not guaranteed. Go kit's balancers know no weights.
//
// Concurrency. All is safe for any number of goroutines. As with Go kit's own instancers, whoever registers a channel receives
// from it until it is deregistered; one who does not holds up the others. The client is not closed.
//
// Bounds. One goroutine for each instancer, until it is stopped.
package gokit
