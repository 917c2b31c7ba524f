//go:build !race

package grpcresolver_test

// slowed says that the race detector is at work, which makes everything several times slower: no time is
// asserted then.
const slowed = false
