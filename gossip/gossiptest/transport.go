package gossiptest

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// backlog is how many streams wait for a node that does not accept.
const backlog = 128

// Transport is one address on the network. It is what a memberlist.Config takes. Get one from Network.Transport.
type Transport struct {
	net     *Network
	host    string
	addr    netip.AddrPort
	packets chan *memberlist.Packet // Options.Queue deep; full: dropped and counted
	streams chan net.Conn           // backlog deep; full: the dialler waits until its timeout
	down    chan struct{}           // closed by Shutdown

	mu    sync.Mutex
	conns map[*conn]bool // nil after Shutdown
}

var _ memberlist.NodeAwareTransport = (*Transport)(nil)

func newTransport(n *Network, host string, addr netip.AddrPort) *Transport {
	return &Transport{
		net:     n,
		host:    host,
		addr:    addr,
		packets: make(chan *memberlist.Packet, n.opts.Queue),
		streams: make(chan net.Conn, backlog),
		down:    make(chan struct{}),
		conns:   map[*conn]bool{},
	}
}

// Addr is the transport's "ip:port".
func (t *Transport) Addr() string { return t.addr.String() }

// FinalAdvertiseAddr returns the transport's own address; what it is given is ignored.
func (t *Transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return net.IP(t.addr.Addr().AsSlice()), int(t.addr.Port()), nil
}

// WriteTo sends a packet. It copies b. It is an error after Shutdown and above 65,507 bytes, never because of what
// becomes of the packet.
func (t *Transport) WriteTo(b []byte, addr string) (time.Time, error) {
	if len(b) > maxDatagram {
		return time.Time{}, fmt.Errorf("gossiptest: packet of %d bytes is over %d", len(b), maxDatagram)
	}
	if t.closed() {
		return time.Time{}, net.ErrClosed
	}
	n, now := t.net, time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	c := &n.hosts[t.host].counters
	c.sent(b)
	to := n.nodes[addr]
	switch {
	case to == nil:
		c.Unreachable.add(len(b))
		return now, nil
	case n.cutLocked(t.host, to.host):
		c.Cut.add(len(b))
		return now, nil
	case n.rng.Float64() < n.opts.Loss:
		c.Lost.add(len(b))
		return now, nil
	}
	copies := 1
	if n.rng.Float64() < n.opts.Duplication {
		copies = 2
	}
	for range copies {
		buf := append([]byte(nil), b...)
		// A goroutine that sleeps, and not time.AfterFunc: of those a bubble runs so many here that the race detector of
		// Go 1.26 crashes now and then, where the runtime starts their goroutines.
		go func(delay time.Duration) {
			time.Sleep(delay)
			n.deliver(t, addr, buf)
		}(n.delayLocked())
	}
	return now, nil
}

// deliver ends a packet's journey. The address is looked up again, since who holds it may have changed meanwhile.
func (n *Network) deliver(from *Transport, addr string, b []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c, to := &n.hosts[from.host].counters, n.nodes[addr]
	switch {
	case to == nil:
		c.Unreachable.add(len(b))
		return
	case n.cutLocked(from.host, to.host):
		c.Cut.add(len(b))
		return
	}
	p := &memberlist.Packet{Buf: b, From: net.UDPAddrFromAddrPort(from.addr), Timestamp: time.Now()}
	select {
	case to.packets <- p:
		n.hosts[to.host].counters.Received.add(len(b))
	default:
		n.hosts[to.host].counters.Overflow.add(len(b))
	}
}

// WriteToAddress is WriteTo; the node's name plays no part.
func (t *Transport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	return t.WriteTo(b, a.Addr)
}

// PacketCh gives the packets that arrive. It is never closed.
func (t *Transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// StreamCh gives the streams that others open. It is never closed.
func (t *Transport) StreamCh() <-chan net.Conn { return t.streams }

// DialTimeout opens a stream. It takes one round trip. An address that is cut off, or at which nobody listens, costs
// the whole timeout and gives a net.Error whose Timeout is true.
func (t *Transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	c, err := t.dial(addr, timeout)
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	if err != nil {
		t.net.hosts[t.host].counters.Failed++
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: textAddr(addr), Err: err}
	}
	t.net.hosts[t.host].counters.Dials++
	return c, nil
}

// DialAddressTimeout is DialTimeout; the node's name plays no part.
func (t *Transport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return t.DialTimeout(a.Addr, timeout)
}

func (t *Transport) dial(addr string, timeout time.Duration) (net.Conn, error) {
	expired := time.NewTimer(timeout)
	defer expired.Stop()
	handshake := time.NewTimer(t.net.delay() + t.net.delay())
	defer handshake.Stop()
	select {
	case <-handshake.C:
	case <-expired.C:
		return nil, os.ErrDeadlineExceeded
	case <-t.down:
		return nil, net.ErrClosed
	}
	if to := t.net.reach(t.host, addr); to != nil {
		near, far, ok := connect(t, to)
		if !ok {
			return nil, net.ErrClosed
		}
		select {
		case to.streams <- far:
			return near, nil
		case <-expired.C:
			near.reset()
			return nil, os.ErrDeadlineExceeded
		case <-t.down:
			near.reset()
			return nil, net.ErrClosed
		}
	}
	select {
	case <-expired.C:
		return nil, os.ErrDeadlineExceeded
	case <-t.down:
		return nil, net.ErrClosed
	}
}

// reach is who listens at addr, if a handshake with it succeeds.
func (n *Network) reach(from, addr string) *Transport {
	n.mu.Lock()
	defer n.mu.Unlock()
	to := n.nodes[addr]
	if to == nil || n.cutLocked(from, to.host) || n.cutLocked(to.host, from) {
		return nil
	}
	return to
}

// Shutdown frees the address and resets the streams: the peers see it at once unless they are cut off.
func (t *Transport) Shutdown() error {
	t.net.mu.Lock()
	if t.net.nodes[t.Addr()] == t {
		delete(t.net.nodes, t.Addr())
	}
	t.net.mu.Unlock()

	t.mu.Lock()
	conns := t.conns
	t.conns = nil
	t.mu.Unlock()
	if conns == nil {
		return nil
	}
	close(t.down)
	for c := range conns {
		c.reset()
	}
	return nil
}

func (t *Transport) closed() bool {
	select {
	case <-t.down:
		return true
	default:
		return false
	}
}

// track remembers an open stream; false after Shutdown.
func (t *Transport) track(c *conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conns == nil {
		return false
	}
	t.conns[c] = true
	return true
}

func (t *Transport) untrack(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, c)
}

// textAddr is an address that was only ever text.
type textAddr string

func (textAddr) Network() string  { return "tcp" }
func (a textAddr) String() string { return string(a) }
