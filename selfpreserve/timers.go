package selfpreserve

// timers is a heap of four children a node: half the levels of a binary one, and a node's children share a cache line.
// Nothing is ever moved or removed in the middle. What an entry is for may have changed by the time it is on top: its
// owner remembers when it is armed, and an entry with another time is stale.
type timers[T any] []timer[T]

type timer[T any] struct {
	at   Instant
	item T
}

// top is the time of the earliest entry, never if there is none.
func (q timers[T]) top() Instant {
	if len(q) == 0 {
		return never
	}
	return q[0].at
}

func (q *timers[T]) push(at Instant, item T) {
	h := append(*q, timer[T]{at, item})
	*q = h
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if h[parent].at <= at {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = timer[T]{at, item}
}

// pop removes the earliest entry. The heap must not be empty.
func (q *timers[T]) pop() timer[T] {
	h := *q
	first, last := h[0], len(h)-1
	moved := h[last]
	h[last] = timer[T]{}
	*q = h[:last]
	if last > 0 {
		q.sink(0, moved)
	}
	return first
}

// postpone gives the earliest entry a later time. It is half the cost of pop and push, and it is what happens to nearly
// every timer, because nearly every lease has been renewed when its timer is due.
func (q *timers[T]) postpone(at Instant) { q.sink(0, timer[T]{at, (*q)[0].item}) }

// keep drops all entries for which live is false.
func (q *timers[T]) keep(live func(timer[T]) bool) {
	h := (*q)[:0]
	for _, e := range *q {
		if live(e) {
			h = append(h, e)
		}
	}
	clear((*q)[len(h):])
	*q = h
	for i := len(h)/4 + 1; i >= 0; i-- {
		if i < len(h) {
			q.sink(i, h[i])
		}
	}
}

// sink puts e at place i or below.
func (q *timers[T]) sink(i int, e timer[T]) {
	h := *q
	for {
		first := 4*i + 1
		if first >= len(h) {
			break
		}
		least := first
		for c := first + 1; c < min(first+4, len(h)); c++ {
			if h[c].at < h[least].at {
				least = c
			}
		}
		if h[least].at >= e.at {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = e
}
