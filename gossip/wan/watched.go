package wan

import (
	"net"
	"sync/atomic"
	"time"
)

// watched is a stream whose bytes are counted and, once patience is set, whose silence has an end: Read gives up when not
// one byte has come for that long. Whatever else a slow link holds back, bytes show that the other end lives.
type watched struct {
	net.Conn
	patience time.Duration // set before the stream has a second user; 0: none
	in, out  atomic.Uint64
}

// Read reads. tls.Conn and the record reader call it for every piece that arrives.
func (w *watched) Read(p []byte) (int, error) {
	if w.patience > 0 {
		if err := w.SetReadDeadline(time.Now().Add(w.patience)); err != nil {
			return 0, err
		}
	}
	n, err := w.Conn.Read(p)
	w.in.Add(uint64(n))
	return n, err
}

// Write writes. It has no deadline of its own: a link that takes nothing is told from a dead one by what it sends.
func (w *watched) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.out.Add(uint64(n))
	return n, err
}
