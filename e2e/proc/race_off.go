//go:build !race

package proc

// raceBuild says that these tests run under the race detector; the binary then does too.
const raceBuild = false
