// Package eureka speaks Eureka's HTTP protocol, so that clients of Eureka servers work with a Muster node as they are: those
// of Netflix and Spring, those in JavaScript, Go and Python, and Prometheus. A Eureka server itself works as a peer.
//
// Source. The sources of Netflix/eureka and of its clients, and what the clients put on the wire. It is Eureka's protocol
// with Muster's semantics. Where these differ, for a client:
//   - A lease ends at its duration, not at twice that plus a minute.
//   - Self-preservation is Muster's. What is kept is returned as ever, and counted in the header Muster-Preserved, since
//     the schema has no place for it.
//   - An override (PUT status) is an operator's decision: it holds at every node, does not expire, and is there when a
//     cancelled instance comes back. It does not hide that an instance says of itself DOWN, STARTING or UNKNOWN, as at
//     a Eureka server; other dialects show the override there. PUT status=UNKNOWN takes it back.
//   - DELETE status without a value makes the status UNKNOWN and the next heartbeat 404, as at a Eureka server, but the
//     registration that follows is taken even if its timestamp is older, so that nothing stays UNKNOWN.
//   - An instance that registers as UNKNOWN is renewed by its heartbeats; a Eureka server answers 404 to each of them.
//   - An instance may take itself out of service, and back, by registering again. Eureka keeps the old status.
//   - Overrides are of an instance of an application, not of an id in all of them.
//   - PUT status does not raise lastDirtyTimestamp.
//   - There are no autoscaling groups: PUT asg is 400, as at a Eureka server outside AWS.
//   - A node that is not ready answers 503 to everything about the registry, where Netflix' servers answer 403: a client
//     takes a 403 to its delta for a reason to fetch the whole from the same server, and a 503 for one to ask another.
//   - A status that does not exist is 400, not 500.
//   - What a Eureka server refuses and clients send all the same is taken: ports that are bare numbers, no @class, unknown
//     members, metadata in a data centre that is not Amazon's.
//   - Bodies of errors are empty, always; why is said in the header Muster-Reason.
//   - lastUpdatedTimestamp is the time of the latest registration, lastRenewalTimestamp in lists likewise: only the home
//     knows the last renewal, and says it where one instance is asked for.
//
// Names. The application PAYMENTS is the service "payments" of the default namespace, which is the only one that is shown;
// every service there is shown as the application of its name in upper case. Services whose names differ only in case
// are one application; should two of their instances have the same id, clients can hold only one of them. Only
// instances of the node's own data centre are shown; regions=dc2,dc3 adds those of others to a full
// answer and to one about a VIP, whether they can be reached or not.
//
// Fields. ipAddr is the address, the metadata "zone" is the zone too, and the port is the plain one if it is enabled, else
// the secure one; if both are enabled the secure one is the further port "secure". What the catalog has no field for is kept
// in attributes, if it is not what one would guess. An instance without any port that one could connect to, which Eureka
// allows and the catalog does not, has port 9 there (discard), and here what it said. Text and metadata are bounded as
// in every registration, see catalog.MaxMetadata and its neighbours; more is 400.
//
// Guarantees. The schema is closed: answers have the members that Eureka's servers give, in their order and of their types,
// since most readers fail as a whole on any other. Who follows by deltas has what is there: what a delta fails to tell
// shows in its hash.
//
// Not guaranteed. Two nodes may answer differently while a write travels. Nobody is authenticated here.
//
// Concurrency. An API is safe for any number of requests and starts no goroutine.
//
// Bounds. Bodies are at most Config.MaxBodyBytes as sent and as inflated, batches eight times that. The registry is kept
// encoded once for each form that someone has asked for; a change encodes the instance that changed and copies at most 127
// others. Deltas hold what changed within three minutes.
package eureka
