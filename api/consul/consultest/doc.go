// Package consultest runs conversations with a server that speaks Consul's protocol: in process, or any process that has a
// URL.
//
// Source. The cases are those of the fact sheet that the dialect was written from: what was observed at a running Consul,
// one file for each, beside the dialect's tests.
//
// A file is a conversation with a server that holds nothing yet, node n1 of dc1 in zone a: comments that begin with #,
// then steps separated by "====", each a request, "----", and the answer that is expected. A line that begins with ! says
// more about the step:
//
//	! later 1s PUT /v1/x     a request that is sent that long after the step's own, and has to be answered 200
//	! takes 1s 1.3s          how long the answer may take, at least and at most
//	! keep I                 the answer's X-Consul-Index is I from here on; "keep H X-Consul-Contenthash" likewise
//	! same I, ! newer I      the answer's X-Consul-Index is that one, or a larger one
//	! wait 2s                time passes before the request: needs checks that expire
//	! not ready, ! ready     the server has not caught up with its peers, or has
//	! within 5s              the request is repeated until the answer is the expected one
//
// In requests ${I} is what was kept. In answers ${n} is any number and ${...} anything. A header without a value must not
// be there. Line breaks in bodies, with the blanks that follow, are there for people.
//
// Concurrency. A Case may be run by any number of goroutines, each with a Target of its own.
//
// Bounds. An answer is read up to 16 MiB.
package consultest
