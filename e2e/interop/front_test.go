package interop

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// front is what stands before the nodes for clients that know one address: it carries each connection to the first node
// that takes it, and ends it when either side does.
type front struct {
	listener net.Listener
	nodes    []*node
	ends     sync.WaitGroup

	mu     sync.Mutex // guards open, which is nil when the front is closed
	open   map[net.Conn]bool
	served map[string]int // connections by the name of the node
}

func startFront(t *testing.T, nodes ...*node) *front {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &front{listener: l, nodes: nodes, open: map[net.Conn]bool{}, served: map[string]int{}}
	f.ends.Go(f.accept)
	t.Cleanup(f.close)
	return f
}

// address is the host and the port that clients are told.
func (f *front) address() (host, port string) {
	host, port, _ = net.SplitHostPort(f.listener.Addr().String())
	return host, port
}

func (f *front) accept() {
	for {
		c, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.ends.Go(func() { f.carry(c) })
	}
}

func (f *front) carry(c net.Conn) {
	defer f.hold(c)()
	to := f.dial()
	if to == nil {
		return
	}
	defer f.hold(to)()
	ended := make(chan struct{}, 2) // One for each way: neither is left waiting.
	for _, way := range [][2]net.Conn{{to, c}, {c, to}} {
		f.ends.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			ended <- struct{}{}
		})
	}
	<-ended
}

// hold keeps a connection until it is let go, which closes it.
func (f *front) hold(c net.Conn) (letGo func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open == nil {
		_ = c.Close()
		return func() {}
	}
	f.open[c] = true
	return func() {
		_ = c.Close()
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.open, c)
	}
}

// dial is a connection to the first node that takes it, nil if none does.
func (f *front) dial() net.Conn {
	for _, n := range f.nodes {
		c, err := net.DialTimeout("tcp", strings.TrimPrefix(n.http, "http://"), time.Second)
		if err != nil {
			continue
		}
		f.mu.Lock()
		f.served[n.id]++
		f.mu.Unlock()
		return c
	}
	return nil
}

// carried is how many connections a node has been given.
func (f *front) carried(n *node) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.served[n.id]
}

func (f *front) close() {
	_ = f.listener.Close()
	f.mu.Lock()
	for c := range f.open {
		_ = c.Close()
	}
	f.open = nil
	f.mu.Unlock()
	f.ends.Wait()
}
