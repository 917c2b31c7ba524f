// Package probe asks instances whether they are there. It is the thin adapter of self-preservation and of health checks:
// it holds the sockets, and no decision.
//
// # Evidence
//
// Prober.Connect is a bare TCP connect that sends no byte and closes at once. What it finds is evidence about a lease that
// has expired and is kept. Refused is exactly ECONNREFUSED, from every address that the host's name has; connected is a
// completed handshake with one of them; everything else, a time-out, no route, a name that does not resolve, proves
// nothing.
//
// # What evidence means, and where it misleads
//
// A refusal is the word of whoever owns the address. On a host of its own that is the kernel below the process, and it
// says that nothing listens there. It is otherwise
//
//   - behind a proxy or load balancer of layer 4, or a NAT that forwards a port: these accept in the name of a process that
//     is dead, which then stays preserved, or refuse in the name of one that they cannot reach, which is then evicted;
//   - where a firewall rejects instead of dropping: by RST, or by "port unreachable", which the kernel reports as the same
//     error. A cut made by such rules looks like a crash;
//   - on a host that reboots, or a process that restarts: refused until it listens. It is evicted, and registers again as
//     any client does that is told that it is unknown;
//   - where addresses are given out anew, as to containers: another process may accept, and the instance stays preserved;
//   - of no meaning for a service that listens on UDP alone: its host refuses TCP while it is well.
//
// Where refusals of the living are to be expected, switch the probes off (Config.Preserve.Probe, --preserve-probe=false):
// everything is then kept as long as the silence of many lasts.
//
// Whoever may register an instance may have a node connect to an address of its choice, without a byte, and learn what
// came of it.
//
// An address of loopback, or none at all, means the machine of whoever asks. An instance that names such an address is
// asked only by a node that is told that the two share a machine.
//
// # Concurrency and bounds
//
// Everything is safe for any number of goroutines and ends with its context. A name is tried at no more than 8 addresses.
package probe
