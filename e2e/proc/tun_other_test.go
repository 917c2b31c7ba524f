//go:build !linux

package proc

import (
	"errors"
	"time"
)

func openTUN(string) (int, error) {
	return 0, errors.New("only Linux has what a line between data centres is made of")
}

func sleepFor(nanoseconds int64) { time.Sleep(time.Duration(nanoseconds)) }
