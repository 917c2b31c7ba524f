package wan

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// goodbyeFor is how long the end of a link may wait for its reason to be written.
	goodbyeFor = 500 * time.Millisecond
	// gather is the least time between two records of messages, while less than gatherBytes wait: under load they go
	// together, as TCP, IP and encryption take 100 bytes of the line for each record and what acknowledges it. A message
	// that comes alone does not wait.
	gather      = 5 * time.Millisecond
	gatherBytes = 2 << 10
)

// link is a stream between this gateway and one of another data centre. One goroutine reads and calls back, another
// writes; either ends when the other does.
type link struct {
	*session
	life    string // Serf's name of the peer when the link came up; empty if it was not known
	dialled bool
	since   time.Time
	every   time.Duration // between two pings
	queue   *queue
	drained func() // an overflow is over
	valid   func() bool

	down   chan struct{} // closed when the link is to end
	once   sync.Once
	reason string        // why; written before down is closed
	gone   chan struct{} // closed when both goroutines are done and the last callback has returned

	wrote      time.Time // when a record of messages was last written; the writer's
	sent, seen past      // of the two directions; the writer's and the reader's

	pong     atomic.Uint64 // what to give back, plus one; 0: nothing
	pongWake chan struct{} // capacity 1: more than one signal says nothing new
	rtt      atomic.Int64  // smoothed, nanoseconds; 0: not known yet
	lastPong uint64        // the newest that came back; the reader's

	messagesIn, messagesOut atomic.Uint64
	bytesIn, bytesOut       atomic.Uint64
	overflows               atomic.Uint64
}

// shut ends the link. The first reason counts.
func (l *link) shut(reason string) {
	l.once.Do(func() {
		l.reason = reason
		close(l.down)
		// Whoever writes is let go, and has this long to say why.
		_ = l.conn.SetWriteDeadline(time.Now().Add(goodbyeFor))
	})
}

// write sends what waits until the link ends, and then closes the stream.
func (l *link) write() {
	tick := time.NewTicker(l.every)
	defer tick.Stop()
	gathered := time.NewTimer(0)
	defer gathered.Stop()
	var batch, packed []byte
	for {
		var err error
		select {
		case <-l.down:
			_ = l.out.write(byeRecord, []byte(l.reason)) // The other end finds out anyway.
			_ = l.conn.Close()
			return
		case <-l.pongWake:
			err = l.writePong()
		case <-tick.C:
			if !l.valid() {
				l.shut("its key is no longer in the ring")
				continue
			}
			err = l.out.write(pingRecord, binary.BigEndian.AppendUint64(nil, l.clock()))
		case <-l.queue.wake:
			if wait := gather - time.Since(l.wrote); wait > 0 && l.queue.queued() < gatherBytes {
				gathered.Reset(wait)
				continue
			}
			batch, packed, err = l.writeQueue(batch, packed)
		case <-gathered.C:
			batch, packed, err = l.writeQueue(batch, packed)
		}
		if err != nil {
			l.shut(broken(err))
			_ = l.conn.Close()
			return
		}
	}
}

// writeQueue sends what waits, but for a few messages that came meanwhile. Pings and pongs get in between batches.
func (l *link) writeQueue(batch, packed []byte) ([]byte, []byte, error) {
	tick := time.Now()
	for {
		select {
		case <-l.down:
			return batch, packed, nil
		case <-l.pongWake:
			if err := l.writePong(); err != nil {
				return nil, nil, err
			}
		default:
		}
		if now := time.Now(); now.Sub(tick) >= l.every {
			tick = now
			if err := l.out.write(pingRecord, binary.BigEndian.AppendUint64(nil, l.clock())); err != nil {
				return nil, nil, err
			}
		}
		msgs := l.queue.take()
		if len(msgs) == 0 {
			break
		}
		batch = appendBatch(batch[:0], msgs)
		var err error
		if packed, err = l.writeBatch(batch, packed); err != nil {
			return nil, nil, err
		}
		l.messagesOut.Add(uint64(len(msgs)))
		for _, m := range msgs {
			l.bytesOut.Add(uint64(len(m)))
		}
		if l.queue.done(msgs) {
			l.drained()
		}
		if cap(batch) > 4*batchBytes {
			batch, packed = nil, nil
		}
		if n := l.queue.queued(); n > 0 && n < gatherBytes {
			signal(l.queue.wake) // The rest gathers.
			break
		}
	}
	return batch, packed, nil
}

// writeBatch sends one batch, as short as it can be made.
func (l *link) writeBatch(batch, packed []byte) ([]byte, error) {
	kind, body, small := batchRecord, batch, false
	if l.recalls {
		if packed, small = l.sent.pack(packed, batch); small {
			kind, body = likeRecord, packed
		}
	}
	if l.packs && !small {
		if packed, small = pack(packed, batch); small {
			kind, body = packedRecord, packed
		}
	}
	l.sent.add(batch)
	l.wrote = time.Now()
	return packed, l.out.write(kind, body)
}

func (l *link) writePong() error {
	v := l.pong.Swap(0)
	if v == 0 {
		return nil
	}
	return l.out.write(pongRecord, binary.BigEndian.AppendUint64(nil, v-1))
}

// clock is the age of the link, which is what pings carry.
func (l *link) clock() uint64 { return uint64(time.Since(l.since)) }

// read hands messages over until the link ends.
func (l *link) read(handle func(msg []byte)) {
	for {
		kind, body, err := l.in.read()
		if err == nil {
			err = l.take(kind, body, handle)
		}
		if err != nil {
			l.shut(broken(err))
			return
		}
		select {
		case <-l.down:
			return
		default:
		}
	}
}

// errBye is the other end's word that it ends the link.
var errBye = errors.New("the other end ended it")

func (l *link) take(kind recordKind, body []byte, handle func(msg []byte)) error {
	switch kind {
	case batchRecord, packedRecord, likeRecord:
		batch, err := l.unpack(kind, body)
		if err != nil {
			return err
		}
		l.seen.add(batch)
		return splitBatch(batch, func(msg []byte) {
			l.messagesIn.Add(1)
			l.bytesIn.Add(uint64(len(msg)))
			handle(msg)
		})
	case pingRecord, pongRecord:
		if len(body) != 8 {
			return fmt.Errorf("%w ping", ErrMalformed)
		}
		v := binary.BigEndian.Uint64(body)
		if kind == pongRecord {
			l.returned(v)
			return nil
		}
		l.pong.Store(v + 1)
		select {
		case l.pongWake <- struct{}{}:
		default:
		}
		return nil
	case byeRecord:
		return fmt.Errorf("%w: %q", errBye, body[:min(len(body), maxReason)])
	default:
		return fmt.Errorf("%w record of kind %d", ErrMalformed, kind)
	}
}

// unpack gives the batch of a record.
func (l *link) unpack(kind recordKind, body []byte) ([]byte, error) {
	if kind == likeRecord {
		return l.seen.unpack(body)
	}
	return unpack(kind == packedRecord, body)
}

// returned takes a pong. What was never sent, or has been seen, counts for nothing.
func (l *link) returned(v uint64) {
	now := l.clock()
	if v > now || v <= l.lastPong {
		return
	}
	l.lastPong = v
	sample := int64(now - v)
	if old := l.rtt.Load(); old != 0 {
		sample = old + (sample-old)/8
	}
	l.rtt.Store(max(sample, 1))
}

// broken says in words why a stream ended.
func broken(err error) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "nothing was heard for too long"
	case errors.Is(err, io.EOF):
		return "the other end closed the stream"
	default:
		return err.Error()
	}
}
