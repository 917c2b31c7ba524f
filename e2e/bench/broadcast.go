package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// broadcastChild is the other side of watching: a server that takes a request on each connection, answers it with the
// beginning of a stream, and writes to all of them, one after the other, what a POST brings. It knows no HTTP beyond
// that, encodes nothing and looks at nothing.
func broadcastChild(ctx context.Context, _ json.RawMessage, l *line) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	b := &broadcaster{}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return // The listener is closed.
			}
			wg.Go(func() { b.serve(c) })
		}
	})
	if err := l.say(nodeHello{HTTP: listener.Addr().String()}); err != nil {
		return err
	}
	for question := ""; l.hear(&question); {
		if err := l.say(nodeState{}); err != nil {
			return err
		}
	}
	err = listener.Close()
	b.closeAll()
	wg.Wait()
	return err
}

type broadcaster struct {
	mu    sync.Mutex
	conns []net.Conn
	all   []net.Conn
	over  bool
}

// streamHead is the beginning of the answer to a watcher.
const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

// serve reads requests from a connection: a POST is broadcast, whatever else it is watches.
func (b *broadcaster) serve(c net.Conn) {
	if !b.keep(c) {
		return
	}
	r := bufio.NewReader(c)
	for {
		post, body, err := readRequest(r)
		if err != nil {
			return // The connection is closed, by either side.
		}
		if !post {
			if _, err := c.Write([]byte(streamHead)); err != nil {
				return
			}
			b.mu.Lock()
			b.conns = append(b.conns, c)
			b.mu.Unlock()
			continue
		}
		chunk := fmt.Appendf(nil, "%x\r\n%s\r\n", len(body), body)
		b.mu.Lock()
		conns := b.conns
		b.mu.Unlock()
		for _, to := range conns {
			_, _ = to.Write(chunk) // Who is gone gets nothing.
		}
		if _, err := c.Write([]byte("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")); err != nil {
			return
		}
	}
}

// keep remembers a connection to close; after the end it closes it at once.
func (b *broadcaster) keep(c net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		_ = c.Close()
		return false
	}
	b.all = append(b.all, c)
	return true
}

func (b *broadcaster) closeAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	for _, c := range b.all {
		_ = c.Close()
	}
}

// readRequest reads a request as request makes it.
func readRequest(r *bufio.Reader) (post bool, body []byte, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return false, nil, err
	}
	post = len(line) > 4 && string(line[:4]) == "POST"
	size := 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return post, nil, err
		}
		if len(line) <= 2 {
			break
		}
		if isHeader(line, contentLength) {
			if _, err := fmt.Sscan(string(line[len(contentLength):]), &size); err != nil {
				return post, nil, errors.Join(errAnswer, err)
			}
		}
	}
	body = make([]byte, size)
	_, err = io.ReadFull(r, body)
	return post, body, err
}
