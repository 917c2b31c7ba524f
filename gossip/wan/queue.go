package wan

import "sync"

const (
	// messageCost is what a message that waits costs beyond its bytes.
	messageCost = 64
	// batchBytes is when a batch is full. A single message may be larger.
	batchBytes = 128 << 10
)

// queue is the messages that wait for one link, in order. What has been taken counts until it is done, so that a slow
// link cannot hold more than the limit and its one batch.
type queue struct {
	limit int
	wake  chan struct{} // capacity 1: more than one signal says nothing new

	mu       sync.Mutex
	waiting  [][]byte
	bytes    int // of waiting and of what was taken and is not done
	cost     int // bytes, and messageCost for each message
	overflow bool
	closed   bool
}

func newQueue(limit int) *queue { return &queue{limit: limit, wake: make(chan struct{}, 1)} }

// put appends a message: ErrFull if there is no room, ErrNoLink after close.
func (q *queue) put(msg []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrNoLink
	}
	if q.cost+len(msg)+messageCost > q.limit {
		q.overflow = true
		return ErrFull
	}
	q.waiting = append(q.waiting, msg)
	q.bytes += len(msg)
	q.cost += len(msg) + messageCost
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return nil
}

// take gives the next messages, as many as go into one batch; none if none wait.
func (q *queue) take() [][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, 0
	for n < len(q.waiting) && (n == 0 || size+len(q.waiting[n])+maxVarint <= batchBytes) {
		size += len(q.waiting[n]) + maxVarint
		n++
	}
	batch := q.waiting[:n:n]
	if q.waiting = q.waiting[n:]; len(q.waiting) == 0 {
		q.waiting = nil
	}
	return batch
}

// done gives back the room of a batch. It reports whether an overflow is over: the queue is below a quarter of its limit.
func (q *queue) done(batch [][]byte) (drained bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range batch {
		q.bytes -= len(m)
		q.cost -= len(m) + messageCost
	}
	if q.overflow && q.cost < q.limit/4 {
		q.overflow = false
		return true
	}
	return false
}

// queued is how many bytes wait.
func (q *queue) queued() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

// close drops what waits.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed, q.waiting, q.bytes, q.cost = true, nil, 0, 0
}
