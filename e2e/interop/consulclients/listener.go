package main

import (
	"net"
	"strconv"
	"sync"
)

// listener is a port that takes connections and says nothing: what a TCP check looks at.
type listener struct {
	mu      sync.Mutex
	l       net.Listener
	address string
}

func newListener(host string) (*listener, error) {
	l := &listener{address: net.JoinHostPort(host, "0")}
	return l, l.open(true)
}

// open opens the port, the same as before if there was one, or closes it.
func (l *listener) open(open bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !open {
		return l.l.Close()
	}
	n, err := net.Listen("tcp", l.address)
	if err != nil {
		return err
	}
	l.l, l.address = n, n.Addr().String()
	go func() {
		for {
			c, err := n.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	return nil
}

func (l *listener) port() int {
	_, port, _ := net.SplitHostPort(l.address)
	n, _ := strconv.Atoi(port)
	return n
}
