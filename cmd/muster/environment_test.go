package main

import (
	"os"
	"syscall"
	"testing"
)

func TestTheSystemsSignalsAreCaughtUntilStopped(t *testing.T) {
	t.Setenv("MUSTER_TEST_VARIABLE", "set")
	env := system()
	if v, ok := env.lookup("MUSTER_TEST_VARIABLE"); v != "set" || !ok {
		t.Errorf("the variable is %q, %v", v, ok)
	}
	caught, stop := env.signals(syscall.SIGUSR1)
	defer stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if sig := <-caught; sig != syscall.SIGUSR1 {
		t.Errorf("caught %v", sig)
	}
}
