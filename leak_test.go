package muster_test

import (
	"testing"

	"go.uber.org/goleak"
)

// Nothing that a test started may outlive it: a node that has left, or was closed, leaves no goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
