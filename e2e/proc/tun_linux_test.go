package proc

import (
	"fmt"
	"syscall"
	"unsafe"
)

// openTUN makes an interface of this process's network namespace, and returns the file from which one reads, a packet
// at a time, what is routed to it, and to which one writes what comes in by it. It goes when the file is closed. It may be
// moved to another namespace, and the file stays good.
func openTUN(name string) (int, error) {
	fd, err := syscall.Open("/dev/net/tun", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("/dev/net/tun: %w", err)
	}
	// An ifreq of the kernel's: a name, flags, and room.
	var req [40]byte
	copy(req[:syscall.IFNAMSIZ-1], name)
	*(*uint16)(unsafe.Pointer(&req[syscall.IFNAMSIZ])) = syscall.IFF_TUN | syscall.IFF_NO_PI
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.TUNSETIFF, uintptr(unsafe.Pointer(&req))); errno != 0 {
		_ = syscall.Close(fd)
		return 0, fmt.Errorf("interface %s: %w", name, errno)
	}
	return fd, nil
}

// sleepFor sleeps by the kernel's own fine timer, since Go's wakes an idle process only on whole milliseconds.
func sleepFor(nanoseconds int64) {
	t := syscall.NsecToTimespec(nanoseconds)
	_ = syscall.Nanosleep(&t, nil)
}
