// Package xds serves a Muster cluster to Envoy and to proxyless gRPC: it turns services into the resources of xDS version
// 3, and hands them out over ADS, as state of the world and as deltas.
//
// Source: the xDS protocol as Envoy's documentation has it (docs/root/api-docs/xds_protocol.rst), and gRFC A27 to A42 for
// what gRPC accepts. A service becomes four resources, all of its name but the route:
//
//	Listener                 an api_listener, for xds:///NAME; the router is its only filter
//	RouteConfiguration       "service/NAME": everything goes to the cluster
//	Cluster                  EDS over ADS, round robin; HTTP/2 if all instances that say anything in metadata "protocol"
//	                         say grpc, h2c or http2
//	ClusterLoadAssignment    a locality for each data centre (region) and zone, a priority for each data centre: the
//	                         local one first, then by distance
//
// and all services together are one more RouteConfiguration, "services", which chooses by host, for an Envoy that has one
// listener for all. A wildcard subscription gets all clusters, and no listener, since an Envoy takes no api_listener so.
//
// An instance is HEALTHY while it is UP, DRAINING while it is OUT_OF_SERVICE, and UNHEALTHY else: it stays in the list, so
// that a proxy ends what is under way in order. What Muster preserves is served as it is. An address that is a host name
// is left out, and counted (see Skipped): EDS has room for IP addresses only, and a cluster by DNS would have neither the
// localities nor the health of the others. Nothing here says TLS: that a port speaks it is for the client's configuration.
//
// Guarantees. A client that comes before the first snapshot waits, and is never told that there is nothing. Every
// assignment obeys what Envoy and gRPC demand together, or they would refuse all of it: priorities are contiguous from 0,
// weights at least 1 and their sums within 32 bits, no locality twice, no address twice. A service without instances is an
// assignment without endpoints, not one that is removed, and its listener and cluster stay for a while longer: see
// Catalog. An assignment that is asked for by name is always answered. Versions are hashes of contents: what has not
// changed is not sent again, a delta client that comes back to another server of the same kind gets what has changed, and
// no version means one thing here and another there. The first request of a stream is answered whatever version it
// claims; a refusal (NACK) is logged, counted, and answered by nothing until there is something new. A cluster goes before
// its endpoints, a listener before its routes, and when a cluster changes its endpoints are sent with it, for which an
// Envoy waits.
//
// Not here: load reports, secrets, rate limits, and resources of other types, requests for which are counted and left
// alone.
//
// Concurrency: Catalog has one owner. Snapshots are immutable. Server is safe for any number of goroutines.
//
// Bounds: a snapshot holds each resource once, encoded, whatever the number of streams; a stream holds a version for each
// name that it subscribed to. Messages that may be split are, at a mebibyte.
package xds
