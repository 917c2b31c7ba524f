package api

import (
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/musterhq/muster/api/consul"
	"github.com/musterhq/muster/api/eureka"
	"github.com/musterhq/muster/api/nacos"
	"github.com/musterhq/muster/api/native"
)

var noSniff = []string{"nosniff"}

// ServeHTTP gives the request its id, keeps pages of other origins from writing, and finds the route.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h["X-Content-Type-Options"] = noSniff
	h[headerRequestID] = s.ids.of(r)
	switch { // Before the mux, which redirects what has two slashes.
	case eureka.Owns(r):
		s.eureka.ServeHTTP(w, r)
	case consul.Owns(r):
		s.consul.ServeHTTP(w, r)
	case nacos.Owns(r):
		s.nacos.ServeHTTP(w, r)
	case s.native.IsHeartbeat(r): // Most of what a registry is asked, and the mux costs half as much as the renewal.
		s.heartbeat.ServeHTTP(w, r)
	case native.IsRegistration(r):
		s.registration.ServeHTTP(w, r)
	default:
		s.mux.ServeHTTP(w, r)
	}
}

// instrument is around the handler of each route: it counts and times the requests, and survives a panic.
func (s *server) instrument(method, pattern string, h http.Handler) http.Handler {
	done := s.metrics.route(method, pattern)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := meters.Get().(*meter) //nolint:errcheck // The pool holds nothing else.
		*m = meter{ResponseWriter: w, began: time.Now()}
		defer func() {
			done(m)
			*m = meter{}
			meters.Put(m)
		}()
		defer s.survive(m, r)
		if s.origins.Check(r) != nil {
			refuse(m, r, native.CrossOrigin(r.Header.Get("Origin")))
			return
		}
		h.ServeHTTP(m, r)
	})
}

// survive is deferred around a handler. If it panicked after its answer began, the connection is closed, so that the
// client does not take what it got for the whole.
func (s *server) survive(m *meter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler { //nolint:errorlint // a value that was thrown, not an error that was wrapped
		panic(cause)
	}
	s.log.ErrorContext(r.Context(), "handler panicked", "method", r.Method, "path", r.URL.Path,
		"request_id", m.Header().Get(headerRequestID), "panic", cause, "stack", string(debug.Stack()))
	if m.code != 0 {
		panic(http.ErrAbortHandler)
	}
	refuse(m, r, native.Internal())
}

// refuse answers what no protocol has come to answer: with a problem, or, to clients of Eureka, who take every body for an
// instance, with its status alone, and to clients of Consul and of Nacos with a bare text.
func refuse(w http.ResponseWriter, r *http.Request, p *native.Problem) {
	switch {
	case eureka.Owns(r):
		eureka.Refuse(w, p.Status, p.Title)
	case consul.Owns(r):
		consul.Refuse(w, p.Status, p.Title)
	case nacos.Owns(r):
		nacos.Refuse(w, p.Status, p.Title)
	default:
		p.Write(w, r)
	}
}

// meter is a response writer that remembers what the metrics need. http.ResponseController finds what is below it.
type meter struct {
	http.ResponseWriter
	began   time.Time
	code    int // 0 until the answer begins
	waiting bool
}

// meters are used again: a handler must not keep its response writer anyway.
var meters = sync.Pool{New: func() any { return new(meter) }}

// Unwrap is for http.ResponseController.
func (m *meter) Unwrap() http.ResponseWriter { return m.ResponseWriter }

// Unmetered says that the request waits for something, so that its duration means nothing.
func (m *meter) Unmetered() { m.waiting = true }

// WriteHeader remembers the status.
func (m *meter) WriteHeader(code int) {
	if m.code == 0 && code >= http.StatusOK { // those below are not the answer yet
		m.code = code
	}
	m.ResponseWriter.WriteHeader(code)
}

// Write begins the answer, if it has not begun.
func (m *meter) Write(b []byte) (int, error) {
	if m.code == 0 {
		m.code = http.StatusOK
	}
	return m.ResponseWriter.Write(b)
}
