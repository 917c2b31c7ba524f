package lan

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

type direction int

const (
	inward direction = iota + 1
	outward
)

// labelMark is the first byte of a labelled stream in memberlist: mark, length, label. An answer never begins with it.
const labelMark = 244

// drainFor is how long a refused stream is read on, so that its end does not overtake the answer.
const drainFor = 100 * time.Millisecond

// conn is a stream of memberlist's. It looks at the first bytes read. A stream inwards whose label is not ours is
// answered with our label; a stream outwards that is answered so has met another data centre, and its reader is told.
// memberlist alone would close the one and report the other as ended.
type conn struct {
	net.Conn
	w         *transport
	direction direction
	seen      bool // only touched by Read, which memberlist calls from one goroutine
	once      sync.Once
}

// Read reads, and checks the label.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.w.stats.streamBytesReceived.Add(uint64(n))
	if c.seen || n == 0 {
		return n, err
	}
	c.seen = true
	label, ok := readLabel(p[:n])
	switch {
	case !ok || c.direction == inward && label == c.w.label:
		return n, err
	case c.direction == inward:
		c.refuse()
	}
	return 0, fmt.Errorf("%w: the node at %s is of %q, this one of %q",
		ErrOtherDatacenter, c.RemoteAddr(), datacenterOf(label), datacenterOf(c.w.label))
}

// refuse answers with our own label and waits until the other side has read it.
func (c *conn) refuse() {
	_ = c.SetDeadline(time.Now().Add(drainFor))
	answer := append([]byte{labelMark, byte(len(c.w.label))}, c.w.label...)
	if _, err := c.Conn.Write(answer); err != nil {
		return
	}
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, c.Conn, MaxStream)
	}
}

// Write writes.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.w.stats.streamBytesSent.Add(uint64(n))
	return n, err
}

// Close closes the stream; more than once is once.
func (c *conn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		c.w.untrack(c)
		err = c.Conn.Close()
	})
	return err
}

// readLabel is the label at the beginning of a stream, if it is all there. One that is not is left to memberlist, which
// waits for the rest.
func readLabel(b []byte) (string, bool) {
	if len(b) < 2 || b[0] != labelMark || len(b) < 2+int(b[1]) {
		return "", false
	}
	return string(b[2 : 2+int(b[1])]), true
}

func datacenterOf(label string) string {
	return strings.TrimPrefix(label, labelPrefix)
}
