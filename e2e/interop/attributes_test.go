//go:build !linux

package interop

import "syscall"

// attributes has a process be a group of its own, to be killed with all that it has started.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
