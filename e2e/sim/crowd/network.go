package crowd

import (
	"math/rand/v2"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/gossip/spread"
)

// network carries messages, in their true sizes, and can be cut in halves.
type network struct {
	c       *crowd
	rand    *rand.Rand
	half    int // nodes below it are cut off from the others; 0 is no cut
	streams map[[2]int]*stream
	bytes   uint64
	packets uint64
}

// stream is the messages that wait for one peer: they arrive one after the other.
type stream struct {
	queue []func(done func())
	busy  bool
}

const (
	// leastDelay and meanDelay are of a packet in one direction.
	leastDelay = 200 * time.Microsecond
	meanDelay  = 600 * time.Microsecond
	// bandwidth is how many bytes of a stream pass in a second.
	bandwidth = 10_000_000
	// patience is how long a stream is tried, every retry, before what it carries is dropped.
	patience = 10 * time.Second
	retry    = 500 * time.Millisecond
)

func (t *network) init(c *crowd) {
	t.c, t.rand, t.streams = c, chance(c.rand.Uint64(), 0), make(map[[2]int]*stream)
}

func (t *network) open(a, b *node) bool {
	return t.half == 0 || (a.index < t.half) == (b.index < t.half)
}

func (t *network) delay() time.Duration {
	return min(leastDelay+time.Duration(t.rand.ExpFloat64()*float64(meanDelay-leastDelay)), 200*time.Millisecond)
}

// send takes what a node wants to be sent.
func (t *network) send(from *node, o muster.Outbound) {
	to := t.c.byID[o.To]
	if to == nil || o.Msg == nil { // Renewals for other homes: nobody renews here.
		return
	}
	size := spread.Size(o.Msg)
	t.bytes += uint64(size)
	deliver := func() {
		if t.open(from, to) {
			to.receive(t.c.moment(), from.id, o.Msg)
			t.c.settle(to)
		}
	}
	if !o.Reliable {
		t.packets++
		if t.open(from, to) {
			t.c.after(t.delay(), deliver)
		}
		return
	}
	t.stream(from, to, size, deliver)
}

// stream queues a message for a peer.
func (t *network) stream(from, to *node, size int, deliver func()) {
	key := [2]int{from.index, to.index}
	s := t.streams[key]
	if s == nil {
		s = &stream{}
		t.streams[key] = s
	}
	var tried time.Duration
	var try func(done func())
	try = func(done func()) {
		switch {
		case t.open(from, to): // A handshake, and then the message.
			t.c.after(3*t.delay()+time.Duration(size)*time.Second/bandwidth, func() {
				deliver()
				done()
			})
		case tried >= patience:
			done()
		default:
			tried += retry
			t.c.after(retry, func() { try(done) })
		}
	}
	s.queue = append(s.queue, try)
	t.drain(key, s)
}

func (t *network) drain(key [2]int, s *stream) {
	if s.busy {
		return
	}
	if len(s.queue) == 0 {
		delete(t.streams, key)
		return
	}
	s.busy = true
	next := s.queue[0]
	s.queue = s.queue[1:]
	next(func() {
		s.busy = false
		t.drain(key, s)
	})
}
