package timeline

import "time"

// event is something that is going to happen.
type event struct {
	at  time.Duration
	seq uint64
	do  func()
}

// Queue is the events to come: a binary heap by (time, sequence). Not safe for concurrent use. The zero Queue is empty.
type Queue struct {
	heap []event
	seq  uint64
}

func (q *Queue) before(i, j int) bool {
	a, b := &q.heap[i], &q.heap[j]
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

// Add plans an event.
func (q *Queue) Add(at time.Duration, do func()) {
	q.seq++
	q.heap = append(q.heap, event{at, q.seq, do})
	for i := len(q.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !q.before(i, parent) {
			return
		}
		q.heap[i], q.heap[parent] = q.heap[parent], q.heap[i]
		i = parent
	}
}

// Next is the time of the earliest event; false if there is none.
func (q *Queue) Next() (time.Duration, bool) {
	if len(q.heap) == 0 {
		return 0, false
	}
	return q.heap[0].at, true
}

// Take removes the earliest event and returns what it does. The queue must not be empty.
func (q *Queue) Take() func() {
	top, last := q.heap[0], len(q.heap)-1
	q.heap[0] = q.heap[last]
	q.heap[last] = event{}
	q.heap = q.heap[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return top.do
		}
		if child+1 < last && q.before(child+1, child) {
			child++
		}
		if !q.before(child, i) {
			return top.do
		}
		q.heap[i], q.heap[child] = q.heap[child], q.heap[i]
		i = child
	}
}
