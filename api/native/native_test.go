package native

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ Node = (*apitest.Fake)(nil)

// serverOf is the protocol at a node, on a mux.
func serverOf(node Node, cfg Config) (*API, *http.ServeMux) {
	a, mux := New(node, cfg), http.NewServeMux()
	a.Mount(func(method, pattern string, h http.Handler) { mux.Handle(method+" "+pattern, h) })
	return a, mux
}

// register puts an instance of a service at a node, by id.
func register(tb testing.TB, node *apitest.Fake, service, id string) {
	tb.Helper()
	_, _, err := node.Put(tb.Context(), muster.Instance{Service: service, ID: id, Address: "10.0.0.1", Port: 80})
	if err != nil {
		tb.Fatal(err)
	}
}

// sink is a client: a response writer that any goroutine may look at while the request goes on. With a gate, it takes
// nothing until the gate is closed; broken, nothing ever again.
type sink struct {
	mu     sync.Mutex
	header http.Header
	code   int
	body   bytes.Buffer
	taken  int
	broken bool
	gate   chan struct{}
	done   chan struct{} // closed when the request has ended
	cancel context.CancelFunc
}

func (s *sink) Header() http.Header { return s.header }

func (s *sink) WriteHeader(code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.code = code
}

func (s *sink) Write(b []byte) (int, error) {
	if s.gate != nil {
		<-s.gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken {
		return 0, errors.New("the client is gone")
	}
	return s.body.Write(b)
}

func (s *sink) Flush() {}

// news is what has been written since the last call.
func (s *sink) news() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.body.String()[s.taken:]
	s.taken = s.body.Len()
	return text
}

func (s *sink) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// ask begins a request and waits until all that it leads to has happened. Needs a bubble. Header lines are "Name: value".
func ask(t *testing.T, h http.Handler, url string, headers ...string) *sink {
	t.Helper()
	return askWith(t, h, &sink{}, url, headers...)
}

func askWith(t *testing.T, h http.Handler, s *sink, url string, headers ...string) *sink {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s.header, s.done, s.cancel = http.Header{}, make(chan struct{}), cancel
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Set(name, value)
	}
	go func() {
		defer close(s.done)
		h.ServeHTTP(s, req)
	}()
	synctest.Wait()
	t.Cleanup(cancel)
	return s
}

// leave ends a request from the client's side, and waits for it to be over.
func (s *sink) leave() {
	s.cancel()
	<-s.done
}
