package probe_test

import (
	"context"
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/musterhq/muster/selfpreserve"
	"github.com/musterhq/muster/selfpreserve/probe"
)

// listener is a port of loopback that somebody listens on.
func listener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// closedPort is a port of loopback that nobody listens on, and that nobody else gets: it is bound, and does not listen.
func closedPort(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(sa.(*syscall.SockaddrInet4).Port) //nolint:errcheck,forcetypeassert // It was bound as one.
}

// fullPort is a port whose listener has no room left, so that the kernel drops what comes: a time-out.
func fullPort(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := "127.0.0.1:" + strconv.Itoa(sa.(*syscall.SockaddrInet4).Port) //nolint:errcheck,forcetypeassert // It was bound as one.
	for range 8 {
		c, err := net.DialTimeout("tcp", address, 100*time.Millisecond)
		if err != nil {
			break
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	return address
}

func TestAConnectionIsToldFromARefusalAndFromNothing(t *testing.T) {
	open, closed, full := listener(t), closedPort(t), fullPort(t)
	_, port, err := net.SplitHostPort(open.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, hostport string
		want           selfpreserve.Outcome
	}{
		{"someone listens", open.Addr().String(), selfpreserve.Connected},
		{"nobody listens", "127.0.0.1:" + closed, selfpreserve.Refused},
		{"by name", "localhost:" + port, selfpreserve.Connected},
		{"by name, nobody listens", "localhost:" + closed, selfpreserve.Refused},
		{"mapped to IPv6", "[::ffff:127.0.0.1]:" + port, selfpreserve.Connected},
		{"no answer", full, selfpreserve.Nothing},
		{"no such name", "no-such-host.invalid:80", selfpreserve.Nothing},
		{"every interface", "0.0.0.0:" + closed, selfpreserve.Nothing},
		{"every interface, IPv6", "[::]:" + closed, selfpreserve.Nothing},
		{"a multicast group", "224.0.0.1:" + closed, selfpreserve.Nothing},
		{"no host", ":" + closed, selfpreserve.Nothing},
		{"no port", "127.0.0.1", selfpreserve.Nothing},
		{"no such port", "127.0.0.1:99999", selfpreserve.Nothing},
		{"nothing", "", selfpreserve.Nothing},
	} {
		t.Run(c.what, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if got := (probe.Prober{Loopback: true}).Connect(ctx, c.hostport); got != c.want {
				t.Fatalf("%s: %v, want %v", c.hostport, got, c.want)
			}
		})
	}
}

// What listens, or does not, on the loopback of whoever asks says nothing about an instance on another machine.
func TestLoopbackProvesNothingAboutOtherMachines(t *testing.T) {
	for _, hostport := range []string{listener(t).Addr().String(), "127.0.0.1:" + closedPort(t), "127.1.2.3:1", "[::1]:1", "localhost:1"} {
		if got := (probe.Prober{}).Connect(t.Context(), hostport); got != selfpreserve.Nothing {
			t.Errorf("%s: %v", hostport, got)
		}
	}
}

// Nothing is sent: the other side sees a connection that ends without a byte.
func TestNothingIsSent(t *testing.T) {
	l := listener(t)
	type end struct {
		n   int
		err error
	}
	seen := make(chan end, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			seen <- end{0, err}
			return
		}
		defer func() { _ = c.Close() }()
		n, err := c.Read(make([]byte, 1))
		seen <- end{n, err}
	}()
	if got := (probe.Prober{Loopback: true}).Connect(t.Context(), l.Addr().String()); got != selfpreserve.Connected {
		t.Fatal(got)
	}
	if e := <-seen; e.n != 0 || e.err == nil {
		t.Fatalf("%d bytes, %v", e.n, e.err)
	}
}

func TestAContextThatHasEndedProvesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := (probe.Prober{Loopback: true}).Connect(ctx, "127.0.0.1:"+closedPort(t)); got != selfpreserve.Nothing {
		t.Fatal(got)
	}
}
