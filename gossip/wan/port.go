package wan

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// maxStreams is how many streams may be open inwards that are not links. Further ones are closed unread: a stranger
// without a key can hold each for as long as a handshake may take.
const maxStreams = 128

// errSelf is a dial of the own address. Serf's snapshot remembers this node's earlier lives among the others, would join
// one of them at the own address, and stop there since that succeeds.
var errSelf = errors.New("wan: a gateway does not dial itself")

// port stands between memberlist and the network, and takes the streams of links away from memberlist: they begin with a
// preface. It bounds the number and the time of streams, and closes all of them at shutdown.
type port struct {
	inner  memberlist.NodeAwareTransport
	times  timings
	log    *slog.Logger
	own    string         // address, not to be dialled
	onLink func(*tracked) // owns the stream; runs on a goroutine of its own, which Shutdown waits for
	stats  *counters

	streams chan net.Conn // unbuffered: the network's own queue is the buffer
	stop    chan struct{} // closed at shutdown
	work    sync.WaitGroup

	mu     sync.Mutex
	inward int
	conns  map[*tracked]bool // nil after Shutdown
}

var _ memberlist.NodeAwareTransport = (*port)(nil)

func newPort(inner memberlist.Transport, t timings, log *slog.Logger, stats *counters, onLink func(*tracked)) *port {
	aware, ok := inner.(memberlist.NodeAwareTransport)
	if !ok {
		aware = byAddress{inner}
	}
	return &port{
		inner: aware, times: t, log: log, onLink: onLink, stats: stats,
		streams: make(chan net.Conn), stop: make(chan struct{}), conns: map[*tracked]bool{},
	}
}

// open begins to take streams. own is the address that is not to be dialled.
func (p *port) open(own string) {
	p.own = own
	p.work.Go(p.accept)
}

func (p *port) accept() {
	for {
		select {
		case c := <-p.inner.StreamCh():
			in := p.track(c, true)
			if in == nil {
				p.stats.streamsRefused.Add(1)
				_ = c.Close()
				continue
			}
			p.work.Go(func() { p.sort(in) })
		case <-p.stop:
			return
		}
	}
}

// sort looks at the first byte of a stream and hands it to memberlist or to the links.
func (p *port) sort(c *tracked) {
	_ = c.SetReadDeadline(time.Now().Add(p.times.handshake))
	var first [1]byte
	if _, err := io.ReadFull(c, first[:]); err != nil {
		_ = c.Close()
		return
	}
	_ = c.SetReadDeadline(time.Time{})
	c.seen = first[:]
	if first[0] == prefaceMagic[0] {
		p.onLink(c)
		return
	}
	select {
	case p.streams <- c:
	case <-p.stop:
		_ = c.Close()
	}
}

// FinalAdvertiseAddr is the network's.
func (p *port) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	return p.inner.FinalAdvertiseAddr(ip, port)
}

// WriteTo sends a packet.
func (p *port) WriteTo(b []byte, addr string) (time.Time, error) {
	return p.inner.WriteTo(b, addr)
}

// WriteToAddress sends a packet.
func (p *port) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	return p.inner.WriteToAddress(b, a)
}

// PacketCh gives the packets received.
func (p *port) PacketCh() <-chan *memberlist.Packet { return p.inner.PacketCh() }

// StreamCh gives the streams that are not links.
func (p *port) StreamCh() <-chan net.Conn { return p.streams }

// DialTimeout opens a stream for memberlist.
func (p *port) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return p.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

// DialAddressTimeout opens a stream for memberlist. To net.Dialer no time is no limit, to memberlist it is no time left.
func (p *port) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	if timeout <= 0 {
		return nil, os.ErrDeadlineExceeded
	}
	c, err := p.dial(a, min(timeout, p.times.dial))
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(p.times.stream)); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// dial opens a stream without a deadline.
func (p *port) dial(a memberlist.Address, timeout time.Duration) (*tracked, error) {
	if a.Addr == p.own {
		return nil, errSelf
	}
	c, err := p.inner.DialAddressTimeout(a, timeout)
	if err != nil {
		return nil, err
	}
	out := p.track(c, false)
	if out == nil {
		_ = c.Close()
		return nil, net.ErrClosed
	}
	return out, nil
}

// Shutdown closes the network and all streams, and waits for onLink. It never fails: Serf would then stop half way.
func (p *port) Shutdown() error {
	p.mu.Lock()
	conns := p.conns
	p.conns = nil
	p.mu.Unlock()
	if conns == nil {
		return nil
	}
	if err := p.inner.Shutdown(); err != nil {
		p.log.Warn("sockets did not close", "err", err)
	}
	close(p.stop)
	for c := range conns {
		_ = c.Close()
	}
	p.work.Wait()
	return nil
}

// track wraps an open stream; nil after Shutdown and when too many are open inwards.
func (p *port) track(c net.Conn, inward bool) *tracked {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil || inward && p.inward == maxStreams {
		return nil
	}
	if inward {
		p.inward++
	}
	t := &tracked{Conn: c, port: p, counts: inward}
	p.conns[t] = true
	return t
}

// tracked is an open stream that the port knows.
type tracked struct {
	net.Conn
	port   *port
	counts bool   // towards maxStreams; under port.mu
	seen   []byte // read ahead; only touched by the one who reads
	once   sync.Once
}

// Read gives what was read ahead first.
func (t *tracked) Read(p []byte) (int, error) {
	if len(t.seen) > 0 && len(p) > 0 {
		n := copy(p, t.seen)
		t.seen = t.seen[n:]
		return n, nil
	}
	return t.Conn.Read(p)
}

// settle says that the stream has become a link, of which there are other bounds.
func (t *tracked) settle() {
	t.port.mu.Lock()
	defer t.port.mu.Unlock()
	if t.counts {
		t.counts = false
		t.port.inward--
	}
}

// Close closes the stream; more than once is once.
func (t *tracked) Close() error {
	err := net.ErrClosed
	t.once.Do(func() {
		t.settle()
		t.port.mu.Lock()
		delete(t.port.conns, t)
		t.port.mu.Unlock()
		err = t.Conn.Close()
	})
	return err
}

// byAddress is a transport that does not care for names.
type byAddress struct{ memberlist.Transport }

func (b byAddress) WriteToAddress(p []byte, a memberlist.Address) (time.Time, error) {
	return b.WriteTo(p, a.Addr)
}

func (b byAddress) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return b.DialTimeout(a.Addr, timeout)
}
