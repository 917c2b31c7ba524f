package host

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

// Sockets is UDP and TCP on one port. memberlist's own transport does the same, but gives every packet a buffer of 64 KiB,
// which is nine tenths of what a busy node allocates, and resolves the address of each packet that it sends. A dial ends
// when the transport is shut down: a pool that closes does not wait for silent addresses. Get one from Listen; the zero
// value is not usable.
type Sockets struct {
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

var _ memberlist.NodeAwareTransport = (*Sockets)(nil)

const (
	// maxDatagram is the largest packet that can arrive.
	maxDatagram = 64 << 10
	// receiveBuffer is what the kernel is asked to hold of packets that have not been read yet, as memberlist asks for.
	receiveBuffer = 2 << 20
	// packetsWaiting is how many packets are read ahead, so that a burst does not cost a change of goroutine for each.
	packetsWaiting = 64
)

// ErrAdvertise is a Bind of every interface from which no address to advertise follows.
var ErrAdvertise = errors.New("is every interface, so Advertise has to say which address others use")

// Listening says where Sockets listen.
type Listening struct {
	// Bind is the "host:port". Port 0 picks a free one; an empty host is every interface.
	Bind string
	// Advertise is the "ip:port" that others are told; port 0 is that of Bind. Empty: the address of Bind, or this
	// machine's private IPv4 address if that is every interface.
	Advertise string
	// Resolver looks the host of Bind up. Nil: net.DefaultResolver.
	Resolver Resolver
	// Log gets lines in memberlist's form.
	Log *log.Logger
}

// Listen opens UDP and TCP on the same port. The error is ErrAdvertise or tells why the address cannot be had; it does
// not name the address. ctx bounds the lookup of the host alone.
func Listen(ctx context.Context, at Listening) (*Sockets, error) {
	host, port, err := SplitHostPort(at.Bind)
	if err != nil {
		return nil, err
	}
	ip, err := bindIP(ctx, at.Resolver, host)
	if err != nil {
		return nil, err
	}
	s := &Sockets{log: at.Log, packets: make(chan *memberlist.Packet, packetsWaiting), streams: make(chan net.Conn)}
	if at.Advertise != "" {
		if s.advertise, err = ParseAdvertise(at.Advertise); err != nil {
			return nil, err
		}
	} else if ip.IsUnspecified() {
		if ip.Is6() {
			return nil, ErrAdvertise
		}
		if s.advertise, err = private(); err != nil {
			return nil, err
		}
	}
	// The kernel picks a port for TCP that UDP may not have: then another is tried.
	for tries := 0; ; tries++ {
		err := s.open(ip, uint16(port))
		if err == nil {
			break
		}
		if port != 0 || tries == 10 || !errors.Is(err, syscall.EADDRINUSE) {
			return nil, err
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
func (s *Sockets) open(ip netip.Addr, port uint16) error {
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
func (s *Sockets) readPackets() {
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
func (s *Sockets) acceptStreams() {
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
func (s *Sockets) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return net.IP(s.advertise.Addr().AsSlice()), int(s.advertise.Port()), nil
}

// WriteTo sends a packet.
func (s *Sockets) WriteTo(b []byte, addr string) (time.Time, error) {
	return s.WriteToAddress(b, memberlist.Address{Addr: addr})
}

// WriteToAddress sends a packet. Members' addresses are numbers; a name is looked up each time.
func (s *Sockets) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
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
func (s *Sockets) PacketCh() <-chan *memberlist.Packet { return s.packets }

// StreamCh gives the streams accepted.
func (s *Sockets) StreamCh() <-chan net.Conn { return s.streams }

// DialTimeout dials TCP.
func (s *Sockets) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return s.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

// DialAddressTimeout dials TCP.
func (s *Sockets) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	d := net.Dialer{Timeout: timeout}
	return d.DialContext(s.ctx, "tcp", a.Addr)
}

// Shutdown closes the sockets and ends the dials.
func (s *Sockets) Shutdown() error {
	s.cancel()
	err := errors.Join(s.tcp.Close(), s.udp.Close())
	s.readers.Wait()
	return err
}
