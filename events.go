package muster

import (
	"context"
	"iter"
	"sync"
)

// eventLog is the latest of what happened at a node, for operators: a ring that any number of readers follow. Who falls
// behind by more than its length misses what is gone.
type eventLog struct {
	mu     sync.Mutex
	ring   [eventLogMax]NodeEvent // the event with id i is at i % eventLogMax
	last   uint64
	news   chan struct{} // closed and renewed when events are added
	closed bool
}

const eventLogMax = 1024

func newEventLog() *eventLog { return &eventLog{news: make(chan struct{})} }

func (l *eventLog) add(evs []NodeEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ev := range evs {
		l.last++
		ev.ID = l.last
		l.ring[ev.ID%eventLogMax] = ev
	}
	close(l.news)
	l.news = make(chan struct{})
}

// after copies the events after the one with that id, and gives a channel that is closed when there are more.
func (l *eventLog) after(id uint64) (evs []NodeEvent, news <-chan struct{}, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if id > l.last {
		id = 0 // Of an earlier life.
	}
	if l.last > eventLogMax {
		id = max(id, l.last-eventLogMax)
	}
	for id < l.last {
		id++
		evs = append(evs, l.ring[id%eventLogMax])
	}
	return evs, l.news, l.closed
}

func (l *eventLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	close(l.news)
	l.news = make(chan struct{})
}

// Events yields what happens at the node, after the event with that id; 0 begins with the oldest that is remembered
// (the last 1,024). It ends with ctx, or with the node.
func (n *Node) Events(ctx context.Context, after uint64) iter.Seq[NodeEvent] {
	return func(yield func(NodeEvent) bool) {
		for {
			evs, news, closed := n.events.after(after)
			for _, ev := range evs {
				if !yield(ev) {
					return
				}
				after = ev.ID
			}
			if closed {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-news:
			}
		}
	}
}
