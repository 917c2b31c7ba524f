//go:build !race

package main

// How many schedules and lists of operations a test runs.
const (
	seedsInTest = 200
	listsInTest = 200
)
