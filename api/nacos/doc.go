// Package nacos speaks the naming part of Nacos' HTTP protocol, version 1, below /nacos/v1, so that clients of Nacos
// servers work with a Muster node as they are: those in Java up to 1.4 and what is built on them, Spring Cloud Alibaba
// among it, those in Go up to 1.1, and those in Python.
//
// Source. The sources of alibaba/nacos and of its clients, and what the clients put on the wire. It is Nacos' protocol
// with Muster's semantics. Where these differ, for a client:
//   - A lease ends at its heart beat timeout, 15 s unless the metadata says otherwise (or at its ip delete timeout, if
//     that is sooner): there the instance is gone, where Nacos shows it as unhealthy for as long again and deletes it
//     then. A client that chooses among healthy instances sees the same. One that beats again is registered again by
//     its beat.
//   - Protection is Muster's, and not a threshold of the service: when many fall silent together they are kept, not
//     only shown. What is kept is listed as healthy, with reachProtectionThreshold true, and counted in the header
//     Muster-Preserved. Where all are unhealthy for another reason, all are shown as unhealthy.
//   - There is no push over UDP, which has been taken out of Nacos too. A list that is asked for with a udpPort may be
//     kept for three seconds, as Nacos says where it cannot push, every other for ten; clients ask again then.
//   - There is no service without instances, and none has settings: POST and PUT service take and forget them.
//   - DELETE instance does not ask whether the instance is ephemeral: the client in Go says that it is not unless its
//     user thinks of it, and a Nacos server then takes nothing out.
//   - PUT instance registers what is not there. It leaves a permanent instance permanent.
//   - There is no configuration service (/nacos/v1/cs), no console, and nothing by gRPC: a client of Nacos 2 has no
//     server here.
//   - Nobody is authenticated: login gives everyone a token, and no token is looked at.
//   - lastRefTime is the time of the answering node's clock, by which some clients tell an old answer from a new one:
//     the clocks of nodes should agree within a few seconds.
//
// Names. The namespace public is the default one; each other id is the namespace of that name, and the other way round.
// A service in DEFAULT_GROUP has its bare name in the catalog, as every dialect knows it; that of another group is
// called GROUP@@service there, and found by that name. A cluster is a zone, DEFAULT being none: both are what fails
// together. The id of an instance is ip#port#cluster#group@@service. Only instances of the node's own data centre are
// shown.
//
// Fields. A weight of 1 is 100 in the catalog, the weight of who says none in either; what that cannot say exactly is
// kept in an attribute. Where all instances of a service weigh less than 100, as those do that register by Consul's
// protocol and say nothing, their weights are shown as they stand, since the client in Go finds nobody among fractions.
// The metadata secure=true says that the port speaks TLS. preserved.* in the metadata are the timings, and stay there.
// A permanent instance (ephemeral=false) has a TCP check. Tags, further ports and attributes of other dialects have no
// place in a list. Text and metadata are bounded as in every registration, see catalog.MaxMetadata and its neighbours;
// more is 400.
//
//	in the catalog                   here
//	UP                               healthy
//	DOWN, STARTING, UNKNOWN          not healthy
//	OUT_OF_SERVICE                   not enabled: in no list, as in Nacos
//	OUT_OF_SERVICE for a weight of 0 enabled, weight 0
//	preserved                        healthy, and the list says that it is protected
//
// The other way round: enabled=false is OUT_OF_SERVICE, healthy=false DOWN until the first beat. An operator's override
// is left alone by all that a client of Nacos can say. PUT, PATCH and DELETE instance find what other dialects
// registered at that address and port too; a beat only what this dialect did.
//
// Guarantees. The members of an answer are those that a Nacos 2 server gives to a client of version 1, in their order
// and of their types. A client in Go, which escapes nothing in a beat, is understood.
//
// Not guaranteed. Two nodes may answer differently while a write travels. PUT and PATCH read an instance and write it
// back: two such writes at one moment may lose one.
//
// Concurrency. An API is safe for any number of requests and starts no goroutine.
//
// Bounds. Bodies are at most Config.MaxBodyBytes, and a request has at most 256 parameters. The list of a service, and
// that of its healthy instances, is encoded once for each of its states; that of some clusters anew each time.
package nacos
