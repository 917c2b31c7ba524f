package measure

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// SelfCPU is the CPU time, user and system, that this process has used.
func SelfCPU() time.Duration { return usage(syscall.RUSAGE_SELF) }

// ThreadCPU is that of the calling thread alone. It means something to a goroutine that is locked to its thread.
func ThreadCPU() time.Duration { return usage(syscall.RUSAGE_THREAD) }

func usage(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		return 0 // Only a wrong argument is an error.
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// clockTick is the unit of CPU time in /proc, on every architecture that Go runs on.
const clockTick = 10 * time.Millisecond

// CPU is the CPU time, user and system, that the process with that id has used, in steps of 10 ms. The error wraps ErrProc.
func CPU(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrProc, err)
	}
	// The program's name, in parentheses, may hold anything; what follows the last one is fields.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	const utime, stime = 11, 12
	if len(fields) <= stime {
		return 0, fmt.Errorf("%w: stat has %d fields", ErrProc, len(fields))
	}
	var sum time.Duration
	for _, i := range []int{utime, stime} {
		n, err := strconv.ParseInt(string(fields[i]), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", ErrProc, err)
		}
		sum += time.Duration(n) * clockTick
	}
	return sum, nil
}

// ReadResident reads Resident. The error wraps ErrProc.
func ReadResident(pid int) (Resident, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Resident{}, fmt.Errorf("%w: %w", ErrProc, err)
	}
	var r Resident
	for line := range bytes.Lines(b) {
		for name, to := range map[string]*int64{"VmRSS:": &r.Now, "VmHWM:": &r.Peak} {
			rest, ok := bytes.CutPrefix(line, []byte(name))
			if !ok {
				continue
			}
			kb, err := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))), 10, 64)
			if err != nil {
				return Resident{}, fmt.Errorf("%w: %w", ErrProc, err)
			}
			*to = kb << 10
		}
	}
	if r.Now == 0 {
		return Resident{}, fmt.Errorf("%w: status of %d says nothing of memory", ErrProc, pid)
	}
	return r, nil
}

// AllowFiles raises the number of files that this process, and those that it starts, may have open, to n at least. The
// error says that the machine allows fewer.
func AllowFiles(n int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Max < uint64(n) {
		return fmt.Errorf("measure: %d open files are needed, and %d allowed", n, limit.Max)
	}
	if limit.Cur >= limit.Max {
		return nil
	}
	limit.Cur = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
