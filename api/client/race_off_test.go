//go:build !race

package client

// raceBuild says that the race detector watches, which makes everything slow.
const raceBuild = false
