// Package feed keeps an xds.Server supplied with what a Muster cluster says.
//
// Source: Muster's native protocol. The list of services is asked for by long poll, each service is followed by
// api/client, in all data centres, and the round trips between data centres come from a gateway's list of members.
//
// Guarantees. The server gets its first snapshot once a node that is ready has listed the services and all of them are
// known: before that its clients wait. From then on nothing is taken away by an error: the list of services can only add
// some, instances go when api/client believes that they are gone (see its Guard), and round trips that can no longer be
// measured stay as they were. A service that has lost all instances stays for Config.Linger.
//
// Not here: services whose names appear and vanish all the time. Each is followed for as long as the feed runs, up to
// Config.MaxServices; what is beyond that is logged, and missing.
//
// Concurrency: one call of Run a Feed, which ends all its goroutines before it returns. Bounds: for each service two
// goroutines and a connection to a node.
package feed
