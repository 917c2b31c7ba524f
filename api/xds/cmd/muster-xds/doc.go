// Command muster-xds serves what a Muster cluster knows to Envoy and to proxyless gRPC, over ADS.
//
//	muster-xds --server http://127.0.0.1:8761 --server http://127.0.0.1:8762
//
// It is a client of the cluster, and holds no state of its own: any number of them can run, one beside each proxy or a few
// for all. Until it has the services of a node that is ready, those who connect wait: an empty answer would take from a
// proxy what it has. When all nodes are gone, what was last known is served.
//
// It listens on loopback, for ADS and for /healthz, /readyz and /metrics, and beyond that only when told --insecure. It
// ends with status 0 after SIGTERM or SIGINT, 1 if it cannot start, and 2 for a wrong usage.
package main
