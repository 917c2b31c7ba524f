// Package eurekatest runs conversations with a server that speaks Eureka's protocol: in process, or any process that has
// a URL.
//
// Source. The cases are those of the fact sheet that the dialect was written from: what the sources of Netflix' server
// and of its clients say, one file for each, beside the dialect's tests.
//
// A file is a conversation with a server that holds nothing yet: comments that begin with #, then steps separated by
// "====", each a request, "----", and the answer that is expected. A line that begins with ! says what has to happen
// before the request; a target that cannot make it happen leaves the case to others, see Case.Needs.
//
//	! advance 4m              time passes: needs a clock that can be set
//	! not ready, ! ready      the server has not caught up with its peers, or has
//	! wait 2s                 time passes, really: needs leases that expire
//	! node 2                  the requests from here on go to another node of the cluster
//	! within 5s               the request is repeated until the answer is the expected one
//
// In requests and answers ${B} is the body of a registration, ${T} its lastDirtyTimestamp, ${T+1} and ${T-1} its
// neighbours. In answers ${n} is any number and ${...} anything. A header without a value must not be there. Line breaks in
// bodies, with the blanks that follow, are there for people.
//
// Concurrency. A Case may be run by any number of goroutines, each with a Target of its own.
//
// Bounds. An answer is read up to 16 MiB.
package eurekatest
