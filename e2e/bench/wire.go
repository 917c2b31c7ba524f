package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// errAnswer is an answer that is not HTTP/1.1 as this client knows it.
var errAnswer = errors.New("bench: not understood")

// wireConn is a connection that carries one request after the other: bytes that were made before, written as they are,
// and an answer of which only the status and the length are looked at. It is no HTTP client, it costs a tenth of one.
// For one goroutine.
type wireConn struct {
	c    net.Conn
	r    *bufio.Reader
	body []byte // of the last answer, valid until the next
	keep bool   // whether bodies and headers are kept
	head http.Header
}

func dialWire(ctx context.Context, addr string) (*wireConn, error) {
	c, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return newWireConn(c), nil
}

func newWireConn(c net.Conn) *wireConn { return &wireConn{c: c, r: bufio.NewReaderSize(c, 32<<10)} }

// request is the bytes of a request.
func request(method, path string, body []byte) []byte {
	b := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, path)
	if body != nil {
		b = fmt.Appendf(b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	return append(append(b, "\r\n"...), body...)
}

// do sends a request, reads the answer, and returns its status.
func (w *wireConn) do(req []byte) (status int, err error) {
	if _, err := w.c.Write(req); err != nil {
		return 0, err
	}
	return w.read()
}

var (
	contentLength = []byte("content-length:")
	chunked       = []byte("transfer-encoding: chunked")
)

func (w *wireConn) read() (status int, err error) {
	line, err := w.r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	const prefix = "HTTP/1.1 "
	if len(line) < len(prefix)+3 || string(line[:len(prefix)]) != prefix {
		return 0, fmt.Errorf("%w: %q", errAnswer, line)
	}
	if status, err = strconv.Atoi(string(line[len(prefix) : len(prefix)+3])); err != nil {
		return 0, fmt.Errorf("%w: %q", errAnswer, line)
	}
	size, inChunks := 0, false
	w.body, w.head = w.body[:0], nil
	if w.keep {
		w.head = http.Header{}
	}
	for {
		line, err := w.r.ReadSlice('\n')
		if err != nil {
			return status, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break
		}
		switch {
		case isHeader(line, contentLength):
			if size, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):]))); err != nil {
				return status, fmt.Errorf("%w: %q", errAnswer, line)
			}
		case isHeader(line, chunked):
			inChunks = true
		}
		if w.keep {
			name, value, _ := strings.Cut(string(line), ":")
			w.head.Set(name, strings.TrimSpace(value))
		}
	}
	if !inChunks {
		return status, w.take(size)
	}
	for {
		line, err := w.r.ReadSlice('\n')
		if err != nil {
			return status, err
		}
		n, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 31)
		if err != nil {
			return status, fmt.Errorf("%w: a chunk of %q", errAnswer, line)
		}
		if err := w.take(int(n)); err != nil {
			return status, err
		}
		if _, err := w.r.Discard(2); err != nil {
			return status, err
		}
		if n == 0 {
			return status, nil
		}
	}
}

// take reads n bytes of the body.
func (w *wireConn) take(n int) error {
	if !w.keep {
		_, err := w.r.Discard(n)
		return err
	}
	for range n {
		b, err := w.r.ReadByte()
		if err != nil {
			return err
		}
		w.body = append(w.body, b)
	}
	return nil
}

// isHeader reports whether a line begins with name, which is lower case.
func isHeader(line, name []byte) bool {
	return len(line) >= len(name) && bytes.EqualFold(line[:len(name)], name)
}

func (w *wireConn) close() { _ = w.c.Close() } // Nothing is lost by it.
