package lan

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-sockaddr"
	"github.com/hashicorp/memberlist"
)

// sockets is UDP and TCP on one port. memberlist's own transport does the same, but gives every packet a buffer of 64 KiB,
// which is nine tenths of what a busy node allocates, and resolves the address of each packet that it sends. A dial ends
// when the transport is shut down: a pool that closes does not wait for silent addresses.
type sockets struct {
	udp       *net.UDPConn
	tcp       *net.TCPListener
	advertise netip.AddrPort
	log       *log.Logger

	packets chan *memberlist.Packet
	streams chan net.Conn
	ctx     context.Context
	cancel  context.CancelFunc
	readers sync.WaitGroup
}

var _ memberlist.NodeAwareTransport = (*sockets)(nil)

const (
	// maxDatagram is the largest packet that can arrive.
	maxDatagram = 64 << 10
	// receiveBuffer is what the kernel is asked to hold of packets that have not been read yet, as memberlist asks for.
	receiveBuffer = 2 << 20
	// packetsWaiting is how many packets are read ahead, so that a burst does not cost a change of goroutine for each.
	packetsWaiting = 64
)

// listen opens UDP and TCP on the same port. The error names the address and wraps ErrBind.
func listen(ctx context.Context, cfg *Config, logger *log.Logger) (*sockets, error) {
	fail := func(err error) (*sockets, error) {
		return nil, fmt.Errorf("%w on %s: %w", ErrBind, cfg.Bind, err)
	}
	host, port, err := splitHostPort(cfg.Bind)
	if err != nil {
		return fail(err)
	}
	ip, err := bindIP(ctx, resolverOf(cfg), host)
	if err != nil {
		return fail(err)
	}
	s := &sockets{log: logger, packets: make(chan *memberlist.Packet, packetsWaiting), streams: make(chan net.Conn)}
	if cfg.Advertise != "" {
		if s.advertise, err = parseAdvertise(cfg.Advertise); err != nil {
			return fail(err)
		}
	} else if ip.IsUnspecified() {
		if ip.Is6() {
			return nil, fmt.Errorf("%w: Bind %q is every interface, so Advertise has to say which address others use",
				ErrConfig, cfg.Bind)
		}
		if s.advertise, err = private(); err != nil {
			return fail(err)
		}
	}
	// The kernel picks a port for TCP that UDP may not have: then another is tried.
	for tries := 0; ; tries++ {
		err := s.open(ip, uint16(port))
		if err == nil {
			break
		}
		if port != 0 || tries == 10 || !errors.Is(err, syscall.EADDRINUSE) {
			return fail(err)
		}
	}
	bound := s.tcp.Addr().(*net.TCPAddr).AddrPort() //nolint:errcheck,forcetypeassert // A TCP listener has no other.
	if !s.advertise.IsValid() {
		s.advertise = netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port())
	} else if s.advertise.Port() == 0 {
		s.advertise = netip.AddrPortFrom(s.advertise.Addr().Unmap(), bound.Port())
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.readers.Go(s.readPackets)
	s.readers.Go(s.acceptStreams)
	return s, nil
}

// private is the address of this machine that others are most likely to reach, with no port.
func private() (netip.AddrPort, error) {
	text, err := sockaddr.GetPrivateIP()
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("no address to advertise: %w", err)
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return netip.AddrPort{}, errors.New("this machine has no private address; Advertise has to say which address others use")
	}
	return netip.AddrPortFrom(ip.Unmap(), 0), nil
}

// open binds both sockets to one port.
func (s *sockets) open(ip netip.Addr, port uint16) error {
	at := netip.AddrPortFrom(ip, port)
	tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
	if err != nil {
		return err
	}
	bound := tcp.Addr().(*net.TCPAddr).AddrPort() //nolint:errcheck,forcetypeassert // A TCP listener has no other.
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, bound.Port())))
	if err != nil {
		return errors.Join(err, tcp.Close())
	}
	for size := receiveBuffer; size > 0 && udp.SetReadBuffer(size) != nil; size /= 2 {
		continue // A kernel that gives less gives less.
	}
	s.tcp, s.udp = tcp, udp
	return nil
}

// readPackets hands packets on, each in a buffer of its own size: memberlist keeps it until the packet has been handled.
func (s *sockets) readPackets() {
	buf := make([]byte, maxDatagram)
	for s.ctx.Err() == nil {
		n, from, err := s.udp.ReadFromUDPAddrPort(buf)
		at := time.Now()
		if err != nil {
			if s.ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
				s.log.Printf("[ERR] memberlist: cannot read a packet: %v", err)
			}
			continue
		}
		if n == 0 {
			continue // Nothing that anyone of us sends.
		}
		p := &memberlist.Packet{
			Buf: append(make([]byte, 0, n), buf[:n]...), From: net.UDPAddrFromAddrPort(netip.AddrPortFrom(from.Addr().Unmap(), from.Port())),
			Timestamp: at,
		}
		select {
		case s.packets <- p:
		case <-s.ctx.Done():
		}
	}
}

// acceptStreams hands streams on. When it cannot accept, for want of file descriptors for example, it tries again after a
// while that grows to a second.
func (s *sockets) acceptStreams() {
	wait := time.Duration(0)
	for s.ctx.Err() == nil {
		c, err := s.tcp.AcceptTCP()
		if err != nil {
			if s.ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
				s.log.Printf("[ERR] memberlist: cannot accept a connection: %v", err)
			}
			wait = min(max(2*wait, 5*time.Millisecond), time.Second)
			select {
			case <-time.After(wait):
			case <-s.ctx.Done():
			}
			continue
		}
		wait = 0
		select {
		case s.streams <- c:
		case <-s.ctx.Done():
			_ = c.Close()
		}
	}
}

// FinalAdvertiseAddr is Config.Advertise, or the address bound.
func (s *sockets) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return net.IP(s.advertise.Addr().AsSlice()), int(s.advertise.Port()), nil
}

// WriteTo sends a packet.
func (s *sockets) WriteTo(b []byte, addr string) (time.Time, error) {
	return s.WriteToAddress(b, memberlist.Address{Addr: addr})
}

// WriteToAddress sends a packet. Members' addresses are numbers; a name is looked up each time.
func (s *sockets) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	to, err := netip.ParseAddrPort(a.Addr)
	if err != nil {
		named, err := net.ResolveUDPAddr("udp", a.Addr)
		if err != nil {
			return time.Time{}, err
		}
		to = named.AddrPort()
	}
	_, err = s.udp.WriteToUDPAddrPort(b, to)
	return time.Now(), err
}

// PacketCh gives the packets received.
func (s *sockets) PacketCh() <-chan *memberlist.Packet { return s.packets }

// StreamCh gives the streams accepted.
func (s *sockets) StreamCh() <-chan net.Conn { return s.streams }

// DialTimeout dials TCP.
func (s *sockets) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return s.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

// DialAddressTimeout dials TCP.
func (s *sockets) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	d := net.Dialer{Timeout: timeout}
	return d.DialContext(s.ctx, "tcp", a.Addr)
}

// Shutdown closes the sockets and ends the dials.
func (s *sockets) Shutdown() error {
	s.cancel()
	err := errors.Join(s.tcp.Close(), s.udp.Close())
	s.readers.Wait()
	return err
}

func resolverOf(cfg *Config) Resolver {
	if cfg.Resolver != nil {
		return cfg.Resolver
	}
	return net.DefaultResolver
}
