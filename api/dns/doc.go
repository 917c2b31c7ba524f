// Package dns answers questions about a node's registry over DNS: UDP and TCP, below the domains muster and consul.
//
//	web.service.muster             A, AAAA, SRV, TXT: the healthy instances of a service
//	v2.web.service.muster          those with a tag
//	_web._tcp.service.muster       RFC 2782; _tcp is any instance, every other second label is a tag
//	web.service.dc2.muster         of a data centre by name; .service.dc2.dc.muster means the same
//	n1.node.muster                 A, AAAA, TXT: a node
//	0a000005.addr.dc1.muster       A or AAAA: the address that is written there, 8 or 32 hexadecimal digits
//	muster                         SOA, NS
//
// Source. RFC 1034 and 1035; RFC 2782 for SRV, RFC 6891 for EDNS0, RFC 7871 for client subnets (answers hold for all),
// RFC 2308 for negative answers, RFC 4343 for upper and lower case, RFC 8482 for ANY (the
// addresses alone), RFC 1464 for the form of TXT. The names are those of Consul, and so is what follows from them, but for this:
//
//   - Kept: a client that speaks plain UDP without EDNS0 gets at most three records, drawn at random, and TC is not set:
//     what it got is enough to spread load. The time to live is 0 unless told otherwise. An instance whose address is
//     a host name is a CNAME, if the service has none with an IP address.
//   - Improved: whatever else is cut sets TC, so that the client comes back over TCP. A name that has only others below it,
//     such as service.muster, exists and has no data, so that resolvers that ask label by label find their way. A name that
//     exists and lacks the type is answered with the SOA record always. TXT is the metadata. ns.muster has an address.
//   - Left out: PTR, prepared queries, the names of a mesh.
//
// Names are compared without regard to case, whatever spelling the service was registered with; the question's spelling is
// given back. A service whose name has dots is found by its labels, the longest name first: a.b.service is an instance of
// "a.b", or, if there is none, one of "b" with the tag "a".
//
// Data centres. A name that says none is of the node's own. Those of other ones are answered at once from what this node
// holds, whether they can be reached or not. A data centre is known if it has instances or the gateways know of it; its
// name may have dots, and of several that fit the longest counts. Nodes have names in their own data centre alone.
//
// Guarantees. Only instances that are UP are in an answer, those that self-preservation keeps included, of one data centre
// and of the default namespace. Any service without such instances, any unknown tag, node and data centre is NXDOMAIN with
// SOA. A node that is not ready answers SERVFAIL, never an empty answer. Domains of others are REFUSED:
// there is no recursion. No packet makes it panic, and no answer is larger than the client said it takes.
//
// Not guaranteed. Two nodes may answer differently while a write travels. Nothing is signed. Which records are in an answer
// that was cut, and their order, are drawn anew for each.
//
// Concurrency. A Responder has no goroutine and is safe for any number of them. A Server has a few that read packets and
// one for each TCP connection; Shutdown and Close wait for them.
//
// Bounds. Answers over UDP are at most 4,096 bytes, over TCP 65,535; what does not fit there either is cut, with TC. Each
// network of clients (/24, or /56 of IPv6) gets so many answers a second over UDP; what it asks beyond that is answered
// with TC and nothing else, which is no larger than the question, so that forged questions harm nobody and real resolvers
// change to TCP. The counters for that are of a fixed size: networks may share one. This machine itself is not limited.
// TCP connections are bounded in all and by client, and end when they are idle.
package dns
