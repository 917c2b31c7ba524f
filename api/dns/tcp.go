package dns

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// questionMaxBytes bounds a question over TCP: its name, its type, and what EDNS adds.
const questionMaxBytes = 4096

// accept takes connections until the listener is closed.
func (s *Server) accept() {
	for failures := 0; ; {
		conn, err := s.listener.AcceptTCP()
		switch {
		case err == nil:
			failures = 0
		case s.conns.stopped():
			return
		default: // Such as a connection that was gone before it was taken, or too many open files.
			if failures++; failures >= errorsMax || errors.Is(err, net.ErrClosed) {
				s.fail(err)
				return
			}
			continue
		}
		s.take(conn)
	}
}

// take serves a connection, unless there are too many.
func (s *Server) take(conn net.Conn) {
	if !s.conns.add(conn, s.cfg.MaxConns, s.cfg.MaxConnsOfOne) {
		_ = conn.Close() // It has not been promised anything.
		return
	}
	s.serving.Go(func() {
		defer s.conns.remove(conn)
		s.converse(conn)
	})
}

// converse answers the questions of a connection, one after the other, until the client has gone or is idle.
func (s *Server) converse(conn net.Conn) {
	buf := make([]byte, 512)
	for {
		if conn.SetDeadline(time.Now().Add(s.cfg.IdleTimeout)) != nil || s.conns.stopped() {
			return
		}
		if _, err := io.ReadFull(conn, buf[:2]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint16(buf))
		if n > questionMaxBytes {
			return
		}
		if n > len(buf) {
			buf = make([]byte, questionMaxBytes)
		}
		if _, err := io.ReadFull(conn, buf[:n]); err != nil {
			return
		}
		out := s.answer(buf[:n], TCP)
		if out == nil {
			return
		}
		framed := append(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(out)), uint16(len(out))), out...)
		if _, err := conn.Write(framed); err != nil {
			return
		}
	}
}

// conns are the open connections, bounded in all and by client.
type conns struct {
	mu       sync.Mutex // guards all below
	open     map[net.Conn]bool
	of       map[netip.Addr]int
	stopping bool
}

// add takes a connection, unless there are too many.
func (c *conns) add(conn net.Conn, most, mostOfOne int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	who := clientOf(conn)
	if c.stopping || len(c.open) >= most || c.of[who] >= mostOfOne {
		return false
	}
	c.open[conn] = true
	c.of[who]++
	return true
}

func (c *conns) remove(conn net.Conn) {
	_ = conn.Close() // The client may have closed it.
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, conn)
	who := clientOf(conn)
	if c.of[who]--; c.of[who] <= 0 {
		delete(c.of, who)
	}
}

func clientOf(conn net.Conn) netip.Addr {
	at, _ := conn.RemoteAddr().(*net.TCPAddr) // It is one.
	return at.AddrPort().Addr().Unmap()
}

// stop makes every connection end with the question that is being answered.
func (c *conns) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopping = true
	for conn := range c.open {
		_ = conn.SetReadDeadline(time.Unix(1, 0)) // It may be closed already.
	}
}

func (c *conns) stopped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopping
}

func (c *conns) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

func (c *conns) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.open {
		_ = conn.Close() // Likewise.
	}
}

// grumble lets one complaint a minute through.
type grumble struct{ next atomic.Int64 }

func (g *grumble) may(now time.Duration) bool {
	next := g.next.Load()
	return int64(now) >= next && g.next.CompareAndSwap(next, int64(now+time.Minute))
}
