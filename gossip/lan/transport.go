package lan

import (
	"net"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// maxStreams is how many streams may be open inwards, as many as memberlist allows exchanges of state. Further ones are
// closed unread: a stranger without a key can hold each for the stream time.
const maxStreams = 128

// transport stands between memberlist and the network. It counts, takes the label off packets, bounds the time of dials
// and streams (memberlist writes a user message without a deadline), bounds the number of streams, answers streams from
// another data centre, and closes all of them at shutdown.
type transport struct {
	inner   memberlist.NodeAwareTransport
	label   string
	marker  marker
	dialFor time.Duration // at most, for one dial
	openFor time.Duration // at most, for one stream
	stats   *counters

	packets chan *memberlist.Packet // unbuffered: the network's own queue is the buffer
	streams chan net.Conn           // unbuffered, likewise
	stop    chan struct{}           // closed when the relays are to end
	relays  sync.WaitGroup

	mu     sync.Mutex
	inward int
	conns  map[*conn]bool // nil after Shutdown
}

var _ memberlist.NodeAwareTransport = (*transport)(nil)

func newTransport(inner memberlist.Transport, label string, sealed bool, t timings, stats *counters) *transport {
	aware, ok := inner.(memberlist.NodeAwareTransport)
	if !ok {
		aware = byAddress{inner}
	}
	w := &transport{
		inner: aware, label: label, marker: newMarker(label, sealed), dialFor: t.dial, openFor: t.stream, stats: stats,
		packets: make(chan *memberlist.Packet),
		streams: make(chan net.Conn),
		stop:    make(chan struct{}),
		conns:   map[*conn]bool{},
	}
	w.relays.Go(w.relayPackets)
	w.relays.Go(w.relayStreams)
	return w
}

func (w *transport) relayPackets() {
	for {
		select {
		case p := <-w.inner.PacketCh():
			w.stats.packetsReceived.Add(1)
			w.stats.packetBytesReceived.Add(uint64(len(p.Buf)))
			p.Buf = w.marker.on(p.Buf)
			select {
			case w.packets <- p:
			case <-w.stop:
				return
			}
		case <-w.stop:
			return
		}
	}
}

func (w *transport) relayStreams() {
	for {
		select {
		case c := <-w.inner.StreamCh():
			in := w.track(c, inward)
			if in == nil {
				w.stats.streamsRefused.Add(1)
				_ = c.Close()
				continue
			}
			w.stats.streamsAccepted.Add(1)
			select {
			case w.streams <- in:
			case <-w.stop:
				_ = in.Close()
				return
			}
		case <-w.stop:
			return
		}
	}
}

// FinalAdvertiseAddr is the network's.
func (w *transport) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	return w.inner.FinalAdvertiseAddr(ip, port)
}

// WriteTo sends a packet.
func (w *transport) WriteTo(b []byte, addr string) (time.Time, error) {
	return w.WriteToAddress(b, memberlist.Address{Addr: addr})
}

// WriteToAddress sends a packet.
func (w *transport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	b = w.marker.off(b)
	at, err := w.inner.WriteToAddress(b, a)
	if err == nil {
		w.stats.packetsSent.Add(1)
		w.stats.packetBytesSent.Add(uint64(len(b)))
	}
	return at, err
}

// PacketCh gives the packets received.
func (w *transport) PacketCh() <-chan *memberlist.Packet { return w.packets }

// StreamCh gives the streams accepted.
func (w *transport) StreamCh() <-chan net.Conn { return w.streams }

// DialTimeout opens a stream.
func (w *transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return w.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

// DialAddressTimeout opens a stream. To net.Dialer no time is no limit, to memberlist it is no time left.
func (w *transport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	if timeout <= 0 {
		return nil, os.ErrDeadlineExceeded
	}
	c, err := w.inner.DialAddressTimeout(a, min(timeout, w.dialFor))
	if err != nil {
		return nil, err
	}
	out := w.track(c, outward)
	if out == nil {
		_ = c.Close()
		return nil, net.ErrClosed
	}
	w.stats.streamsOpened.Add(1)
	if err := out.SetDeadline(time.Now().Add(w.openFor)); err != nil {
		_ = out.Close()
		return nil, err
	}
	return out, nil
}

// Shutdown closes the network while memberlist still reads from it, then the streams.
func (w *transport) Shutdown() error {
	w.mu.Lock()
	conns := w.conns
	w.conns = nil
	w.mu.Unlock()
	if conns == nil {
		return nil
	}
	err := w.inner.Shutdown()
	close(w.stop)
	w.relays.Wait()
	for c := range conns {
		_ = c.Close()
	}
	return err
}

// track wraps an open stream; nil after Shutdown and when too many are open inwards.
func (w *transport) track(c net.Conn, d direction) *conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conns == nil || d == inward && w.inward == maxStreams {
		return nil
	}
	if d == inward {
		w.inward++
	}
	t := &conn{Conn: c, w: w, direction: d}
	w.conns[t] = true
	return t
}

func (w *transport) untrack(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.direction == inward {
		w.inward--
	}
	delete(w.conns, c)
}

// byAddress is a transport that does not care for names.
type byAddress struct{ memberlist.Transport }

func (b byAddress) WriteToAddress(p []byte, a memberlist.Address) (time.Time, error) {
	return b.WriteTo(p, a.Addr)
}

func (b byAddress) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return b.DialTimeout(a.Addr, timeout)
}
