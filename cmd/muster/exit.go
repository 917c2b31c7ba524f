package main

import (
	"errors"
	"fmt"
)

// The exit statuses. register -- COMMAND passes on that of the command instead.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitNotAllowed  = 4
	exitUnreachable = 5
	exitTimedOut    = 6
	exitFalse       = 7 // The condition is false: nodes differ, or a node is not ready.
)

// failure is an error with the exit status that it leads to. One without an error has been told of already.
type failure struct {
	status int
	err    error
}

func (f *failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit status %d", f.status)
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// failed is an error that leads to that exit status.
func failed(status int, format string, args ...any) error {
	return &failure{status, fmt.Errorf(format, args...)}
}

// exitWith leads to that exit status without another word.
func exitWith(status int) error {
	if status == exitDone {
		return nil
	}
	return &failure{status: status}
}

// statusOf is the exit status that an error leads to.
func statusOf(err error) int {
	if err == nil {
		return exitDone
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f.status
	}
	return exitFailed
}
