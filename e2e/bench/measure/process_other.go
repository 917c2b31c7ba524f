//go:build !linux

package measure

import (
	"fmt"
	"runtime"
	"time"
)

// Accounts of processes are read from Linux's /proc. Elsewhere the comparisons that need them end with an error.
var errElsewhere = fmt.Errorf("%w: not known on %s", ErrProc, runtime.GOOS)

// SelfCPU is 0 here.
func SelfCPU() time.Duration { return 0 }

// ThreadCPU is 0 here.
func ThreadCPU() time.Duration { return 0 }

// CPU is an error here.
func CPU(int) (time.Duration, error) { return 0, errElsewhere }

// ReadResident is an error here.
func ReadResident(int) (Resident, error) { return Resident{}, errElsewhere }

// AllowFiles is an error here.
func AllowFiles(int) error { return errElsewhere }
