package muster_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Nothing that a test started may outlive it: a node that has left, or was closed, leaves no goroutine behind. memberlist
// does not wait for a probe that is under way, which ends by itself within a few seconds: that long is waited for it.
func TestMain(m *testing.M) {
	code := m.Run()
	if err := leak(15 * time.Second); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// leak is the goroutines that are still there after the limit.
func leak(limit time.Duration) (err error) {
	poll := time.NewTicker(250 * time.Millisecond)
	defer poll.Stop()
	for end := time.Now().Add(limit); time.Now().Before(end); <-poll.C {
		if err = goleak.Find(); err == nil {
			return nil
		}
	}
	return err
}
