package check

import (
	"container/heap"
	"time"
)

// timer is a place in the queue: when one check has to be looked at.
type timer struct {
	at    time.Duration
	seq   uint64
	place int // in the heap, -1 if it is not there
	probe *probe
}

// timers is a heap in which each entry knows its place, so that it can be moved.
type timers struct {
	heap timerHeap
	seq  uint64
}

// set moves t to a time, or takes it out if that never comes.
func (q *timers) set(t *timer, at time.Duration) {
	switch {
	case at == never:
		q.remove(t)
		return
	case t.place >= 0 && t.at == at:
		return
	}
	q.seq++
	t.at, t.seq = at, q.seq
	if t.place < 0 {
		heap.Push(&q.heap, t)
	} else {
		heap.Fix(&q.heap, t.place)
	}
}

func (q *timers) remove(t *timer) {
	if t.place >= 0 {
		heap.Remove(&q.heap, t.place)
	}
}

// due is the first check whose time has come by now, nil if there is none.
func (q *timers) due(now time.Duration) *probe {
	if len(q.heap) == 0 || q.heap[0].at > now {
		return nil
	}
	return q.heap[0].probe
}

type timerHeap []*timer

var _ heap.Interface = (*timerHeap)(nil)

// Len is part of heap.Interface, as are the others.
func (h timerHeap) Len() int { return len(h) }

// Less orders by time.
func (h timerHeap) Less(i, j int) bool { return order(h[i], h[j]) < 0 }

// Swap swaps.
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push adds at the end.
func (h *timerHeap) Push(x any) {
	t := x.(*timer) //nolint:errcheck // Nothing else is pushed.
	t.place = len(*h)
	*h = append(*h, t)
}

// Pop takes from the end.
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.place = -1
	return t
}
