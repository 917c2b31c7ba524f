package muster

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/musterhq/muster/gossip/frame"
	"github.com/musterhq/muster/gossip/lan"
)

// sender carries what the replica wants to be sent. Packets go at once, from the goroutine that calls. Streams take
// a round trip and more, so each peer has a queue and, while there is something in it, a goroutine: a peer that does not
// answer holds up no other. A full queue drops: a sync that loses a part times out and is tried again.
type sender struct {
	n *Node

	mu     sync.Mutex
	queues map[string]*streamQueue
	closed bool
	wg     sync.WaitGroup
	idle   chan struct{} // closed and renewed when the last queue empties
}

type streamQueue struct{ msgs [][]byte }

// streamQueueMax is how many messages may wait for one peer: of at most half a megabyte each.
const streamQueueMax = 64

func newSender(n *Node) *sender {
	return &sender{n: n, queues: make(map[string]*streamQueue), idle: make(chan struct{})}
}

// all sends everything, in order.
func (s *sender) all(out []Outbound) {
	var encoded []byte
	for i := range out {
		o := &out[i]
		to, ok := s.name(o.To)
		if o.Msg != nil && (!o.Same || encoded == nil) {
			encoded = frame.Append(nil, o.Msg)
		}
		switch {
		case !ok && o.Msg != nil:
			s.n.overLink(o.To, o.Msg, encoded)
		case !ok:
		case o.News != nil:
			s.packet(to, appendWorld(o.News))
		case o.Msg == nil:
			s.renewals(to, o.Renewals)
			s.reports(to, o.Reports)
		case o.Reliable || len(encoded) > lan.MaxPacket:
			s.stream(to, encoded)
		default:
			s.packet(to, encoded)
		}
	}
}

// name is the pool's name of a member of this data centre.
func (s *sender) name(id string) (string, bool) {
	return strings.CutPrefix(id, s.n.cfg.Datacenter+"/")
}

// packet sends one packet; what is lost is repaired.
func (s *sender) packet(to string, msg []byte) {
	if err := s.n.pool.Send(to, msg); err != nil {
		s.n.log.Debug("packet not sent", "peer", to, "err", err)
	}
}

// renewalsMax is how large a message of renewals may be.
const renewalsMax = 256 << 10

// renewals go by stream: the client was told that it has renewed, so the home must hear of it. A lost packet in ten would
// make a live lease expire sooner or later.
func (s *sender) renewals(to string, keys []Key) {
	for len(keys) > 0 {
		var msg []byte
		msg, keys = appendRenewals(keys, renewalsMax)
		s.stream(to, msg)
	}
}

// reports go by stream, likewise.
func (s *sender) reports(to string, reports []CheckReport) {
	for len(reports) > 0 {
		var msg []byte
		msg, reports = appendReports(reports, renewalsMax)
		s.stream(to, msg)
	}
}

func (s *sender) stream(to string, msg []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	q := s.queues[to]
	if q == nil {
		q = &streamQueue{}
		s.queues[to] = q
		s.wg.Go(func() { s.drainQueue(to, q) })
	}
	if len(q.msgs) >= streamQueueMax {
		s.n.log.Warn("stream queue is full, message dropped", "peer", to)
		return
	}
	q.msgs = append(q.msgs, msg)
}

// drainQueue sends what waits for one peer, until nothing does.
func (s *sender) drainQueue(to string, q *streamQueue) {
	for {
		s.mu.Lock()
		if len(q.msgs) == 0 || s.closed {
			delete(s.queues, to)
			if len(s.queues) == 0 {
				close(s.idle)
				s.idle = make(chan struct{})
			}
			s.mu.Unlock()
			return
		}
		msg := q.msgs[0]
		q.msgs = q.msgs[1:]
		s.mu.Unlock()
		if err := s.sendStream(to, msg); err != nil {
			level := s.n.log.Debug
			if !errors.Is(err, lan.ErrUnknownMember) && !errors.Is(err, lan.ErrClosed) {
				level = s.n.log.Info
			}
			level("stream not sent", "peer", to, "err", err)
		}
	}
}

// A peer may ask before this node has heard that it joined, and its answer must not be lost for that: see sendStream.
const (
	strangerWait = 2 * time.Second
	strangerStep = 10 * time.Millisecond
)

// sendStream sends one message, waiting a little for a member that is not known yet.
func (s *sender) sendStream(to string, msg []byte) error {
	for waited := time.Duration(0); ; waited += strangerStep {
		err := s.n.pool.SendReliable(to, msg)
		if !errors.Is(err, lan.ErrUnknownMember) || waited >= strangerWait {
			return err
		}
		select {
		case <-s.n.done.Done():
			return err
		case <-time.After(strangerStep):
		}
	}
}

// drain waits until no stream is under way.
func (s *sender) drain(ctx context.Context) error {
	for {
		s.mu.Lock()
		idle, busy := s.idle, len(s.queues) > 0
		s.mu.Unlock()
		if !busy {
			return nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// close drops what waits, and waits for what is under way.
func (s *sender) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.wg.Wait()
}

// receive takes a message from a peer. It runs on the pool's goroutine, one message at a time.
func (n *Node) receive(from string, msg []byte) {
	input, err := n.read(n.cfg.Datacenter+"/"+from, msg)
	if err != nil {
		n.malformed.Add(1)
		n.log.Debug("message not understood", "peer", from, "err", err)
		return
	}
	n.do(input)
}

// read is what a message from a member says to the replica.
func (n *Node) read(from string, msg []byte) (input func(*Replica, Moment), err error) {
	kind, err := frame.Kind(msg)
	if err != nil {
		return nil, err
	}
	switch kind {
	case kindRenewals:
		keys, err := decodeRenewals(msg)
		return func(r *Replica, at Moment) { r.RenewForwarded(at, keys) }, err
	case kindReports:
		reports, err := decodeReports(msg)
		return func(r *Replica, at Moment) { r.ReportForwarded(at, reports) }, err
	case kindWorld:
		world, err := decodeWorld(msg)
		return func(r *Replica, at Moment) { r.Hear(at, from, world) }, err
	default:
		m, err := frame.Decode(msg)
		return func(r *Replica, at Moment) { r.Receive(at, from, m) }, err
	}
}
