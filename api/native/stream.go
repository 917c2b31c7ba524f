package native

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// heartbeatEvery is how often a stream that has nothing to say says so, to keep proxies from closing it and to find out
// that the client is gone. reconnectAfter is when a client should come back after the end of a stream.
const (
	heartbeatEvery = 15 * time.Second
	reconnectAfter = 2 * time.Second
)

// stream is an answer of server-sent events. Its lock is held during a write, so a client that takes nothing holds up its
// own stream and nothing else.
type stream struct {
	w      http.ResponseWriter
	rc     *http.ResponseController
	cancel context.CancelFunc

	mu   sync.Mutex
	beat *time.Timer
	over bool // the request has ended, or the client is gone
}

// openStream begins the answer, and returns a context that ends when the client goes or the server closes. The caller
// closes the stream before it returns.
func (a *API) openStream(w http.ResponseWriter, r *http.Request) (*stream, context.Context) {
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(a.closing, cancel)
	s := &stream{w: w, rc: http.NewResponseController(w), cancel: func() { stop(); cancel() }}
	letWait(w)
	h := w.Header()
	h.Set(headerType, "text/event-stream")
	h.Set(headerCache, "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	w.WriteHeader(http.StatusOK)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beat = time.AfterFunc(heartbeatEvery, s.heartbeat)
	s.write(append(strconv.AppendInt([]byte("retry: "), reconnectAfter.Milliseconds(), 10), "\n\n"...))
	return s, ctx
}

// send writes one event; false if the client is gone.
func (s *stream) send(event []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(event)
	return !s.over
}

func (s *stream) heartbeat() {
	if !s.mu.TryLock() {
		return // a write is under way, and starts the timer again
	}
	defer s.mu.Unlock()
	s.write([]byte(": heartbeat\n\n"))
}

// write needs the lock.
func (s *stream) write(b []byte) {
	if s.over {
		return
	}
	_ = s.rc.SetWriteDeadline(time.Now().Add(patience)) // not every writer has one
	if _, err := s.w.Write(b); err != nil || s.rc.Flush() != nil {
		s.over = true
		s.cancel()
		return
	}
	s.beat.Reset(heartbeatEvery)
}

// close ends the stream: nothing is written afterwards.
func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.beat.Stop()
	s.cancel()
}

// appendEvent appends a server-sent event. data holds no line break, as JSON never does.
func appendEvent(b []byte, id uint64, name string, data []byte) []byte {
	b = strconv.AppendUint(append(b, "id: "...), id, 10)
	b = append(append(b, "\nevent: "...), name...)
	b = append(append(b, "\ndata: "...), data...)
	return append(b, "\n\n"...)
}

// resumeAt is where a stream goes on: the client's Last-Event-ID, which it sends when it comes back by itself, else since
// in the query, else 0.
func resumeAt(r *http.Request, q *query) (uint64, error) {
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		return uint64(q.since), nil
	}
	n, err := strconv.ParseUint(last, 10, 64)
	if err != nil {
		return 0, parameterProblem(Field{"Last-Event-ID", "must be the id of an event, not " + strconv.Quote(last)})
	}
	return n, nil
}
