// Package interop has real, unmodified clients of other registries work with real nodes of Muster: those of Eureka, in
// Java, JavaScript, Python and Go, and a real Eureka server as a peer; those of Consul, in Go, Java and JavaScript;
// those of Nacos, in Go, Java and Python; Prometheus servers, which find the same targets in four ways; and what
// resolves names: getaddrinfo, Go's resolver, dig, dnsperf.
//
// Each client is a small program, in java, js, python, goclients and nacosclients, that does what its users do with it.
// It reads commands, one a line, from its standard input, answers each by a line that begins with "@ ", and ends when
// its standard input does. What is true, the test asks the nodes, by the native API: what a client believes of itself
// proves nothing. The tests are acts, in which all clients do their part at the same time, each in a subtest; a client
// that fails in one is left out of the next ones.
//
// The clients of Consul keep the shortest list that they ever had of each service, so that one moment in which a service
// seemed empty is not missed. The load balancer knows nothing of nodes but that they listen: it sends clients to one that
// has nothing loaded yet. Programs that resolve names have a mount namespace with a resolv.conf of their own, for which
// the tests have to be root.
//
// The programs are made by .ci/interop, in versions that are pinned in java/pom.xml, js/package-lock.json,
// python/requirements.txt and the go.mod files of goclients, consulclients, nacosclients and prometheus. A client for
// which this machine lacks anything is skipped, and says so; where MUSTER_REQUIRE_ALL is 1 it fails. With
// -clients=js,spring only those play, and with -eureka all clients of Eureka meet a real Eureka server in the place of
// Muster: what fails there as well is the test's fault, or the client's. One thing does: that server sends a body with
// the 404 to a heartbeat, which the client of Netflix can't read, so that it never registers again.
//
// Leases are five seconds, renewed every second. What waits, waits for a condition with a deadline, on real clocks.
package interop
