// Command muster runs a node of the Muster service registry, and asks and tells running nodes.
//
//	muster agent                                        a node with its API, dashboard and DNS on loopback
//	muster register payments --address 10.0.0.5 --port 8080 -- ./payments
//	muster instances payments
//	muster watch payments
//
// It holds no logic of the registry. The agent is package muster behind the handler of package api and the server of
// package dns; all other commands speak the native HTTP protocol, as any client does, and print what they are told.
//
// Guarantees. Data goes to standard output and everything else to standard error. An error is one line that says what
// failed, why, and what to do. The exit status is one of those in exit.go, except that register -- COMMAND exits with the
// status of the command. With -o json the output is the body that the node answered, unchanged; verify and diff, which
// ask several nodes, and info, which asks one twice, print an object of their own.
//
// Not guaranteed. Tables are for people: their columns may change. Nothing is coloured.
//
// Concurrency. One command runs in one process, but nothing is global: run may be called by any number of goroutines.
//
// Bounds. A request takes --timeout at most, except for a watch, which lasts until it is interrupted. An answer of more
// than 1 GiB is refused.
package main
