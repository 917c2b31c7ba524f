// Package host is what pools of nodes need of the machine that they run on: UDP and TCP on one port, addresses that are
// looked up anew, names that everyone can carry, and the lines of memberlist and Serf as log records; and the words in which
// both speak of their members. The pool of a data centre and the pool between data centres share it.
//
// Source. Sockets do what memberlist's own transport does, in less memory; see there for how.
//
// Guarantees. A dial ends when its Sockets are shut down. Nothing that arrives can make the package panic.
//
// Not guaranteed. A packet that was written need not arrive, and one that arrived may be dropped by the kernel.
//
// Concurrency. All methods may be called from any goroutine.
//
// Bounds. 64 packets and one stream wait to be taken; 10 log lines a second pass. A Mailbox has no bound.
package host
