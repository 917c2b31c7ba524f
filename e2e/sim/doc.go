// Command sim runs the product's core in simulated data centres, thousands of schedules of faults, each made from a seed
// and replayed by it. See package world for what is simulated and what is checked, and README.md for figures.
//
//	go run ./e2e/sim --seeds 10000                    run seeds 1 to 10000
//	go run ./e2e/sim --seeds 500 --scenario crashes   of one kind; --scenario list names them
//	go run ./e2e/sim --replay 4711                    one seed, with a line for everything that happens
//	go run ./e2e/sim --scenario scale --nodes 1000    one large data centre, cut in halves and healed
//	go run -tags planted ./e2e/sim --planted          plant known bugs, and see how soon each is found
//
// The exit status is 1 if a checker has found something, 2 if the command line is wrong.
package main
