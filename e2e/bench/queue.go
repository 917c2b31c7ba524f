package main

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// queueCluster is the other side of propagation: memberlist's own queue of broadcasts, used as its users do. A node
// passes on what is new to it.
type queueCluster struct {
	members []*queueNode
	arrived *arrivals
}

var _ spreader = (*queueCluster)(nil)

type queueNode struct {
	c     *queueCluster
	index int
	link  *link
	list  *memberlist.Memberlist
	queue *memberlist.TransmitLimitedQueue

	mu            sync.Mutex
	seen          map[uint32]bool
	copies, fresh uint64
}

// startQueueCluster starts nodes with memberlist's defaults but for the interval of its gossip, if that is not 0.
func startQueueCluster(ctx context.Context, n int, loss float64, interval time.Duration, a *arrivals) (_ *queueCluster, err error) {
	c := &queueCluster{arrived: a}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	for i := range n {
		l, err := newLink(loss, uint64(i), nil)
		if err != nil {
			return nil, err
		}
		cfg := memberlist.DefaultLANConfig()
		cfg.Name, cfg.Transport, cfg.Logger = nodeName(i), l, log.New(io.Discard, "", 0)
		if interval > 0 {
			cfg.GossipInterval = interval
		}
		q := &queueNode{c: c, index: i, link: l, seen: map[uint32]bool{}}
		q.queue = &memberlist.TransmitLimitedQueue{RetransmitMult: cfg.RetransmitMult, NumNodes: func() int { return n }}
		cfg.Delegate = q
		if q.list, err = memberlist.Create(cfg); err != nil {
			return nil, errors.Join(err, l.Shutdown())
		}
		c.members = append(c.members, q)
		if i > 0 {
			if _, err := q.list.Join([]string{c.members[0].list.LocalNode().Address()}); err != nil {
				return nil, err
			}
		}
	}
	err = until(ctx, time.Minute, 20*time.Millisecond, "all of memberlist's nodes know each other", func() (bool, error) {
		for _, q := range c.members {
			if q.list.NumMembers() < n {
				return false, nil
			}
		}
		return true, nil
	})
	return c, err
}

func (c *queueCluster) write(node, number int) error {
	c.arrived.wrote(number)
	msg := make([]byte, deltaBytes)
	binary.BigEndian.PutUint32(msg, uint32(number))
	q := c.members[node]
	q.mu.Lock()
	q.seen[uint32(number)] = true
	q.mu.Unlock()
	q.queue.QueueBroadcast(broadcast(msg))
	return nil
}

func (c *queueCluster) nodes() int { return len(c.members) }

func (c *queueCluster) traffic() (t traffic) {
	for _, q := range c.members {
		t.bytes += q.link.bytes.Load()
		q.mu.Lock()
		t.copies += q.copies
		t.fresh += q.fresh
		q.mu.Unlock()
	}
	return t
}

func (c *queueCluster) close() {
	for _, q := range c.members {
		if q.list != nil {
			_ = q.list.Shutdown() // Its sockets are its own.
		}
	}
}

// NodeMeta is nothing.
func (q *queueNode) NodeMeta(int) []byte { return nil }

// NotifyMsg takes a copy of a write.
func (q *queueNode) NotifyMsg(msg []byte) {
	if len(msg) < 4 {
		return
	}
	number := binary.BigEndian.Uint32(msg)
	q.mu.Lock()
	q.copies++
	known := q.seen[number]
	if !known {
		q.seen[number] = true
		q.fresh++
	}
	q.mu.Unlock()
	if !known {
		q.c.arrived.arrived(q.index, int(number))
		q.queue.QueueBroadcast(broadcast(append([]byte(nil), msg...)))
	}
}

// GetBroadcasts is what the next packet carries.
func (q *queueNode) GetBroadcasts(overhead, limit int) [][]byte {
	return q.queue.GetBroadcasts(overhead, limit)
}

// LocalState is nothing: the comparison is of the queue alone.
func (q *queueNode) LocalState(bool) []byte { return nil }

// MergeRemoteState takes nothing.
func (q *queueNode) MergeRemoteState([]byte, bool) {}

// broadcast is a write in the queue.
type broadcast []byte

var _ memberlist.UniqueBroadcast = broadcast(nil)

// Invalidates says that no write replaces another.
func (b broadcast) Invalidates(memberlist.Broadcast) bool { return false }

// Message is the write.
func (b broadcast) Message() []byte { return b }

// Finished is of no interest.
func (b broadcast) Finished() {}

// UniqueBroadcast saves the queue from looking for others to replace.
func (b broadcast) UniqueBroadcast() {}
