package gossiptest

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// window is how many bytes a stream holds each way before its writer waits.
const window = 1 << 20

// conn is one end of a stream. Its two directions are pipes that it shares with the other end.
type conn struct {
	t    *Transport
	peer *Transport
	in   *pipe
	out  *pipe

	mu      sync.Mutex
	closed  bool
	readBy  time.Time     // zero: no deadline
	writeBy time.Time     // zero: no deadline
	wake    chan struct{} // closed and replaced when one of the above changes
}

// pipe is one direction of a stream.
type pipe struct {
	mu     sync.Mutex
	queue  []segment
	bytes  int           // in queue
	reset  bool          // the writer's or the reader's process is gone
	unread bool          // the reader closed: whatever is written is lost
	wake   chan struct{} // closed and replaced at every change
}

// segment is the bytes of one write, to be read from at on. No bytes: the end of the stream.
type segment struct {
	at   time.Time
	data []byte
}

// connect makes the two ends of a stream from t to peer; false if either is down.
func connect(t, peer *Transport) (near, far *conn, ok bool) {
	there, back := &pipe{wake: make(chan struct{})}, &pipe{wake: make(chan struct{})}
	near = &conn{t: t, peer: peer, in: back, out: there, wake: make(chan struct{})}
	far = &conn{t: peer, peer: t, in: there, out: back, wake: make(chan struct{})}
	if !t.track(near) {
		return nil, nil, false
	}
	if !peer.track(far) {
		t.untrack(near)
		return nil, nil, false
	}
	return near, far, true
}

// Read waits for bytes to arrive. A cut only makes it wait.
func (c *conn) Read(p []byte) (int, error) {
	for {
		stalled, healed := c.t.net.stalled(c.t.host, c.peer.host)
		by, changed, err := c.state(func() time.Time { return c.readBy })
		if err != nil {
			return 0, c.fail("read", err)
		}
		n, at, arrived, err := c.in.take(p, stalled)
		if n > 0 || len(p) == 0 {
			return n, nil
		}
		if err != nil {
			if err == io.EOF { //nolint:errorlint // It comes from take, unwrapped.
				return 0, io.EOF
			}
			return 0, c.fail("read", err)
		}
		wait(earlier(by, at), healed, changed, arrived)
	}
}

// Write returns when the bytes are on their way, or hold a place in the window until a cut heals.
func (c *conn) Write(p []byte) (int, error) {
	written := 0
	for {
		by, changed, err := c.state(func() time.Time { return c.writeBy })
		if err != nil {
			return written, c.fail("write", err)
		}
		stalled, healed := c.t.net.stalled(c.t.host, c.peer.host)
		n, room, err := c.out.put(p[written:], time.Now().Add(c.t.net.delay()), stalled)
		written += n
		c.t.net.wrote(c.t.host, n)
		if err != nil {
			return written, c.fail("write", err)
		}
		if written == len(p) {
			return written, nil
		}
		wait(by, healed, changed, room)
	}
}

// Close ends the stream: the peer reads what is under way and then the end, and its writes fail.
func (c *conn) Close() error {
	if !c.shut() {
		return net.ErrClosed
	}
	c.out.end(time.Now().Add(c.t.net.delay()))
	c.in.abandon()
	c.t.untrack(c)
	return nil
}

// CloseWrite ends the outgoing direction alone.
func (c *conn) CloseWrite() error {
	c.out.end(time.Now().Add(c.t.net.delay()))
	return nil
}

// reset is the death of the process at this end.
func (c *conn) reset() {
	if c.shut() {
		c.out.kill()
		c.in.kill()
		c.t.untrack(c)
	}
}

// shut marks the end as closed; false if it was.
func (c *conn) shut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.closed = true
	c.announceLocked()
	return true
}

// state is the deadline in force, the channel that closes when it changes, and the error if it has passed.
func (c *conn) state(deadline func() time.Time) (time.Time, <-chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	by := deadline()
	switch {
	case c.closed:
		return by, c.wake, net.ErrClosed
	case !by.IsZero() && !time.Now().Before(by):
		return by, c.wake, os.ErrDeadlineExceeded
	}
	return by, c.wake, nil
}

func (c *conn) announceLocked() {
	close(c.wake)
	c.wake = make(chan struct{})
}

// SetDeadline sets both deadlines, also for calls that wait already.
func (c *conn) SetDeadline(t time.Time) error {
	return c.set(func() { c.readBy, c.writeBy = t, t })
}

// SetReadDeadline sets the deadline of Read.
func (c *conn) SetReadDeadline(t time.Time) error {
	return c.set(func() { c.readBy = t })
}

// SetWriteDeadline sets the deadline of Write.
func (c *conn) SetWriteDeadline(t time.Time) error {
	return c.set(func() { c.writeBy = t })
}

func (c *conn) set(f func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	f()
	c.announceLocked()
	return nil
}

// LocalAddr is this end's address.
func (c *conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.t.addr) }

// RemoteAddr is the other end's address.
func (c *conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.peer.addr) }

func (c *conn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// take moves bytes that have arrived into dst. If there are none it says from when there will be some (zero: unknown)
// and gives the channel that closes at the next change.
func (p *pipe) take(dst []byte, stalled bool) (n int, at time.Time, changed <-chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if stalled {
		return 0, time.Time{}, p.wake, nil
	}
	if p.reset {
		return 0, time.Time{}, nil, syscall.ECONNRESET
	}
	if len(p.queue) == 0 {
		return 0, time.Time{}, p.wake, nil
	}
	head := &p.queue[0]
	if time.Now().Before(head.at) {
		return 0, head.at, p.wake, nil
	}
	if len(head.data) == 0 {
		return 0, time.Time{}, nil, io.EOF
	}
	n = copy(dst, head.data)
	head.data = head.data[n:]
	p.bytes -= n
	if len(head.data) == 0 {
		p.queue = p.queue[1:]
	}
	p.announceLocked()
	return n, time.Time{}, nil, nil
}

// put appends as much of src as there is room for. A reset is noticed only where the network lets it through.
func (p *pipe) put(src []byte, at time.Time, stalled bool) (n int, room <-chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if (p.reset || p.unread) && !stalled {
		return 0, nil, syscall.EPIPE
	}
	n = min(len(src), window-p.bytes)
	if n > 0 {
		p.appendLocked(segment{at, append([]byte(nil), src[:n]...)})
		p.bytes += n
	}
	return n, p.wake, nil
}

func (p *pipe) end(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.appendLocked(segment{at: at})
}

// appendLocked keeps the order of a stream: nothing overtakes what was written before.
func (p *pipe) appendLocked(s segment) {
	if k := len(p.queue); k > 0 && s.at.Before(p.queue[k-1].at) {
		s.at = p.queue[k-1].at
	}
	p.queue = append(p.queue, s)
	p.announceLocked()
}

func (p *pipe) abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unread = true
	p.announceLocked()
}

func (p *pipe) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reset = true
	p.announceLocked()
}

func (p *pipe) announceLocked() {
	close(p.wake)
	p.wake = make(chan struct{})
}

func (n *Network) wrote(host string, bytes int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[host].counters.StreamBytes += bytes
}

// earlier is the earlier of two times, where zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// wait returns at the given time (zero: never) or when one of the channels closes.
func wait(until time.Time, a, b, c <-chan struct{}) {
	var expired <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		expired = t.C
	}
	select {
	case <-expired:
	case <-a:
	case <-b:
	case <-c:
	}
}
