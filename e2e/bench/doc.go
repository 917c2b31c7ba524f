// Command bench measures what this registry does beside something that shows what the machine could do at best, or what
// others do: both sides in one run, in turns, with the ratio between them.
//
//	go run ./e2e/bench http                    one comparison, as text
//	go run ./e2e/bench propagation --nodes 30  at another size
//	go run ./e2e/bench watch -o json           as one JSON document, with the conditions it was measured under
//	go run ./e2e/bench all --write             all of them, results/NAME.json, and RESULTS.md made from these
//	go run ./e2e/bench http --write            one of them, likewise
//	go run ./e2e/bench report                  RESULTS.md again from the results that are there
//	go run ./e2e/bench list                    the names
//
// How it is made. Each comparison is one file and fills one result: figures, the bars that they are held to, and the
// points of curves. Servers, and what loads them, are child processes of the same binary, so that the CPU and the memory
// of each are the kernel's account of a process. Load is written to bare connections: a convenient HTTP client would
// cost more than the server that it measures. Package measure has the arithmetic.
//
// Guarantees. A figure never comes from another run than the figure beside it. Whatever was started has ended when the
// command ends, whichever way: a child ends with its parent's end of a pipe. All addresses are on loopback.
//
// Not guaranteed. Absolute figures are this machine's, at this hour. Ratios and CPU for each operation are steadier. A
// bar that is missed is no error: the exit status is 1 only if something could not be measured.
package main
