// Package proc tests the built binary from outside: real processes, started, killed, stopped and restarted, and spoken
// to by HTTP as a client would. It knows nothing of the product but what a user knows: flags, output, exit statuses and
// the native API.
//
// Most tests run agents on loopback, on ports that they pick and print. Those of network faults run them as real hosts:
// each in a network namespace of its own, connected by a switch in one more, with firewall rules that drop what a cut or
// a bad line would. All the while clients on two of the hosts register, renew, ask the next node when theirs does not
// answer, and deregister; watchers ask every node that a side reaches, and hold it to the ledger of what was
// acknowledged: what is renewed in time is there, what was deregistered is not, and nobody who renews in time is told
// that it is unknown.
//
// Such a network reaches nothing, and nothing reaches it: its addresses, 10.213.0.0/24, exist in its namespaces alone,
// and the tests enter it by a relay, a process on a host of it that listens on a Unix socket. It needs root, ip and nft.
// Where they are missing these tests skip and say so, or fail if MUSTER_REQUIRE_ALL is 1.
//
// Nothing is left behind. A test removes what it made, also when it fails. A process that outlives the run, however that
// ends, removes the rest: all of a run can be told by its names. There is a test of that.
package proc
