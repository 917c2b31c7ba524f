//go:build race

package main

// How many schedules and lists of operations a test runs. The race detector makes a world ten times slower and, as a world
// is one goroutine, finds nothing in it.
const (
	seedsInTest = 40
	listsInTest = 40
)
