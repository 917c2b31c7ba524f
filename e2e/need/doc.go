// Package need says what an end-to-end test needs of the machine that it runs on: programs, files, rights. A test skips
// where they are missing, with one line that names them, so that `go test ./...` works with nothing but Go; where
// MUSTER_REQUIRE_ALL is 1, as it is in CI, it fails instead, so that nothing is left out unseen.
//
// Its functions may be called by any goroutine of a test, All by the test's own alone, since it may end it.
package need
