// Package apitest is a node that was made up, for testing the protocols: a real catalog behind a lock, and nothing else.
//
// It keeps no lease, hears of no peer and reads no clock: time is where Advance has put it, so that every answer can be
// compared with a recorded one, byte for byte. What a real node would learn from its peers, a test tells it.
//
// Concurrency. All methods are safe for any number of goroutines.
package apitest
