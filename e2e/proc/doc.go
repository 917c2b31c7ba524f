// Package proc tests the built binary from outside: real processes on loopback, on ports that they pick and print,
// started, killed, stopped and restarted, and spoken to by HTTP as a client would.
//
// It knows nothing of the product but what a user knows: flags, output, exit statuses and the native API. Every process
// it starts has ended when its test has, also when the test fails.
package proc
