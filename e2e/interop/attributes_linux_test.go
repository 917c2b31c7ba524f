package interop

import "syscall"

// attributes has a process die with the tests, however those end, and be a group of its own, to be killed with all that
// it has started.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
