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
// Data centres that are far apart have a switch each, which is their router too. What one sends another goes over a line:
// a process that takes each packet from one router's TUN interface and gives it to the other's 20 ms later, so that they
// are 40 ms apart, there and back, as ping says it. It keeps their order, drops none, and counts them. What 20 ms are is
// measured beside every figure, by a ping and by the line itself, and the figures are held to what was measured. A narrow
// line is the kernel's: a token bucket at a router's interface.
//
// Such a network reaches nothing, and nothing reaches it: its addresses, 10.213.0.0/16, exist in its namespaces alone,
// and the tests enter it by a relay, a process on a host of it that listens on a Unix socket. It needs root, ip and nft,
// and lines tc and /dev/net/tun. Where they are missing these tests skip and say so, or fail if MUSTER_REQUIRE_ALL is 1.
//
// Nothing is left behind. A test removes what it made, also when it fails. A process that outlives the run, however that
// ends, removes the rest: all of a run can be told by its names. There is a test of that.
package proc
