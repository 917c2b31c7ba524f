package main

import (
	"io"
	"log"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"
)

// link is real sockets on loopback that can lose packets, be cut off, and count. Both sides of a comparison of gossip
// stand on it.
type link struct {
	*memberlist.NetTransport
	loss float64
	gate *gate // nil: always open

	mu   sync.Mutex
	rand *rand.Rand

	packets, bytes atomic.Uint64 // of packets sent, lost ones too
}

var _ memberlist.NodeAwareTransport = (*link)(nil)

// gate is what keeps nodes apart until it is opened.
type gate struct {
	open atomic.Bool
	// contact is when the first stream got through since then, Unix nanoseconds.
	contact atomic.Int64
}

// newLink opens UDP and TCP on the same free port of loopback. loss is the share of packets that do not arrive.
func newLink(loss float64, seed uint64, g *gate) (*link, error) {
	var err error
	for range 10 { // The kernel picks a port for TCP that UDP may not have.
		var t *memberlist.NetTransport
		t, err = memberlist.NewNetTransport(&memberlist.NetTransportConfig{
			BindAddrs: []string{"127.0.0.1"}, Logger: log.New(io.Discard, "", 0),
		})
		if err == nil {
			return &link{NetTransport: t, loss: loss, gate: g, rand: rand.New(rand.NewPCG(seed, 1))}, nil //nolint:gosec // Losses that repeat.
		}
	}
	return nil, err
}

func (l *link) shut() bool { return l.gate != nil && !l.gate.open.Load() }

// WriteTo sends a packet.
func (l *link) WriteTo(b []byte, addr string) (time.Time, error) {
	return l.WriteToAddress(b, memberlist.Address{Addr: addr})
}

// WriteToAddress sends a packet, or loses it.
func (l *link) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	l.packets.Add(1)
	l.bytes.Add(uint64(len(b)))
	if l.shut() || l.loses() {
		return time.Now(), nil
	}
	return l.NetTransport.WriteToAddress(b, a)
}

func (l *link) loses() bool {
	if l.loss == 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rand.Float64() < l.loss
}

// DialTimeout opens a stream.
func (l *link) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return l.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

// DialAddressTimeout opens a stream, or is refused.
func (l *link) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	if l.shut() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	c, err := l.NetTransport.DialAddressTimeout(a, timeout)
	if err == nil && l.gate != nil {
		l.gate.contact.CompareAndSwap(0, time.Now().UnixNano())
	}
	return c, err
}
