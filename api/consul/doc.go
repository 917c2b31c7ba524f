// Package consul speaks the part of Consul's HTTP protocol, below /v1, by which services register and are found, so that
// clients of Consul agents work with a Muster node as they are.
//
// Source. What was observed at a running Consul 1.22.3, and what its clients put on the wire. It is Consul's protocol
// with Muster's semantics. Where these differ, for a client:
//   - Any node takes any write about any instance and any check: there is no agent of an instance. agent/service/{id} and
//     agent/health/service/id/{id} find what is registered anywhere. agent/services, agent/checks and
//     agent/health/service/name/{name} have what is homed at the node that answers, since clients tidy up by them. One
//     that looks for itself there, through a load balancer, may be answered by another node than its own; it registers
//     again then, which changes nothing: a registration that says what is known already is not written.
//   - An id is unique in Consul, and here only within a service. Should two services have instances of one id, the one is
//     meant that this dialect registered last. To register an id under another name is to rename it, as in Consul.
//   - An instance without an address has that of its client, since there is no agent at its host whose address it could
//     have; a client at the node's own host has the node's. What a proxy says of its client is not believed.
//   - Indexes are those of the node that answers. One of another node, of an earlier life, or from the future is answered
//     at once, where Consul waits: a client that has moved then holds an index that it can wait by. CreateIndex is
//     ModifyIndex, and both are when the instance last changed, for whatever reason.
//   - Unknown fields of a body are ignored, unless Config.Strict; Consul refuses them.
//   - A node that is not ready answers 500 "No cluster leader", as a Consul without one; status/leader is then empty. Else
//     it is some peer that is alive: there is no leader.
//   - serfHealth of a node whose instances are asked for is passing, since the heirs of a dead home take its instances over.
//     health/node and health/state show which members have failed.
//   - Empty tags are dropped; texts are bounded as in every registration, see catalog.MaxMetadata and its neighbours.
//   - Checks are of the kinds ttl, http, tcp, grpc, script and alias (of services). Registering another kind is 400.
//     Interval and Timeout are not shown. DeregisterCriticalServiceAfter is at least a minute, Interval a second.
//   - What the catalog is told by catalog/register has no agent that would remove it: it stays until it is deregistered.
//     Checks told so are not run and never expire; 512 bytes of their output are kept. catalog/deregister of a member
//     leaves what is registered at it.
//   - near=_agent, or this node's name, sorts by the latest round trips of the membership; near another node does nothing.
//   - What is asked of another data centre (dc=) is answered here, from what its instances say, whether it can be reached
//     or not. A node there is known by what is registered at it; it is taken for alive, and has no address.
//   - No answer is compressed. Blocking queries of nodes look at the membership once a second.
//   - There is no key-value store, no session, event, prepared query, intention or mesh, no ACL (tokens are ignored), no
//     namespace and no partition. Keys are answered 404, lists are empty, and who waits for them waits.
//
// Fields. A registration is a permanent instance of the default namespace: the name is the service, Weights.Passing the
// weight, Meta the metadata. What the catalog has no field for is kept in attributes "consul.*". What is known of nodes
// beyond the membership, their checks, their maintenance and nodes that are no members, are instances in the
// namespace "consul-nodes", of a service that is called as the data centre, so that every node shows them.
//
// Statuses. What other dialects see of an instance is UP, unless a check is critical, then DOWN; a warning is UP. What is
// seen here of theirs:
//
//	a lease, UP                      check service:{id}, ttl, passing
//	a lease, any other status        the same, critical, with the status in its notes
//	a lease and checks               the checks; unless it is UP, also _service_status:{id}, critical
//	override OUT_OF_SERVICE          check _service_maintenance:{id}, critical, with the reason in its notes
//	any other override but UP        the same where there are checks, else in the check of the lease
//	preserved                        "(preserved: ...)" in the output of the check of the lease, whose status it leaves; in
//	                                 that of a check _service_preserved:{id}, passing, where no lease is shown
//
// An override that forces UP hides no critical check. PUT agent/service/maintenance sets and takes back the override
// OUT_OF_SERVICE, and deregistering takes it back too. agent/check/pass of the check of a lease renews it; warn and fail of it are 500.
//
// Guarantees. A client that waits at a service is woken by every change of it, of a check of it and of what is known of its
// nodes, and by nothing else; at catalog/services by registrations alone. An answer may say the same as the one before.
// What many who wait are answered is encoded once for all of them.
//
// Not guaranteed. Two nodes may answer differently while a write travels. Registering a check, or the result of one, reads
// the instance and writes it back: two such writes to one instance at one moment may lose one. Nobody is authenticated
// here.
//
// Concurrency. An API is safe for any number of requests and starts no goroutine.
//
// Bounds. Bodies are at most Config.MaxBodyBytes. Queries wait as long as Config.Enter lets them, at most ten minutes and
// a sixteenth. A filter is at most 4 KiB, 32 comparisons, and what its parser does in some 15 ms. Instances are kept
// encoded, about 1.2 KB each, of services that someone has asked for, and indexed by id once someone has asked for one.
package consul
