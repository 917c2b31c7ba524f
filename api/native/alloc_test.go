package native

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

// discard is a response writer without a cost of its own.
type discard struct {
	header http.Header
	code   int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(code int)        { d.code = code }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

// hotRequest is one that a registry answers often, with the allocations that its handler may make. The mux and net/http
// have theirs besides.
type hotRequest struct {
	name   string
	send   func() (code int)
	code   int
	allocs float64
}

func hot(tb testing.TB) []hotRequest {
	tb.Helper()
	node := apitest.New()
	for i := range 1000 {
		register(tb, node, "large", fmt.Sprintf("id-%04d", i))
		if i < 10 {
			register(tb, node, "small", fmt.Sprintf("id-%04d", i))
		}
	}
	a := New(node, Config{})
	w := &discard{header: http.Header{}}
	prepare := func(h handler, service, etag string) func() int {
		req := httptest.NewRequestWithContext(tb.Context(), http.MethodGet, "/", nil)
		req.SetPathValue("service", service)
		req.SetPathValue("id", "id-0003")
		if etag != "" {
			req.Header.Set("If-None-Match", etag)
		}
		serve := a.serve(h, false)
		return func() int {
			serve.ServeHTTP(w, req)
			return w.code
		}
	}
	etag := a.etagOf(node.Find("default", "large").Index(), &query{})
	return []hotRequest{
		{"heartbeat", prepare(a.heartbeat, "large", ""), 204, 0},
		{"lookup_10", prepare(a.getService, "small", ""), 200, 9},
		{"lookup_1000", prepare(a.getService, "large", ""), 200, 9},
		{"revalidation", prepare(a.getService, "large", etag), 304, 6},
	}
}

func TestHotRequestsAllocateNextToNothing(t *testing.T) {
	for _, r := range hot(t) {
		if code := r.send(); code != r.code {
			t.Errorf("%s: answered %d, want %d", r.name, code, r.code)
		}
		if got := testing.AllocsPerRun(100, func() { r.send() }); got > r.allocs {
			t.Errorf("%s: %v allocations, want at most %v", r.name, got, r.allocs)
		}
	}
}

func BenchmarkHot(b *testing.B) {
	for _, r := range hot(b) {
		b.Run(r.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.send()
			}
		})
	}
}

// registering sends one registration again and again.
func registering(tb testing.TB) (send func() int) {
	tb.Helper()
	a := New(apitest.New(), Config{})
	body := `{"service":"payments","address":"10.0.0.5","port":8080,"tags":["v2"],"metadata":{"version":"1.4"},"ttl":"30s"}`
	serve, w := a.Registration(), &discard{header: http.Header{}}
	req := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, RegistrationPath, nil)
	req.Header.Set("Content-Type", "application/json")
	return func() int {
		req.Body = readCloser{strings.NewReader(body)}
		serve.ServeHTTP(w, req)
		return w.code
	}
}

func TestRegistrationAllocatesLittle(t *testing.T) {
	send := registering(t)
	if code := send(); code != http.StatusCreated {
		t.Fatalf("answered %d", code)
	}
	const most = 35 // Half of it is what the catalog keeps.
	if got := testing.AllocsPerRun(100, func() { send() }); got > most {
		t.Errorf("%v allocations, want at most %d", got, most)
	}
}

func BenchmarkRegister(b *testing.B) {
	send := registering(b)
	b.ReportAllocs()
	for b.Loop() {
		send()
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

func BenchmarkDecode(b *testing.B) {
	body := []byte(`{"service":"payments","address":"10.0.0.5","port":8080,"tags":["v2"],"metadata":{"version":"1.4"},"ttl":"30s"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := registration(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	inst := &muster.Instance{
		Namespace: "default", Service: "payments", ID: "payments-1", Address: "10.0.0.5", Port: 8080, Tags: []string{"v2"},
		Metadata: map[string]string{"version": "1.4"}, Weight: 100, Status: muster.StatusUp, Datacenter: "dc1", Home: "dc1/n1",
	}
	buf := bytes.Buffer{}
	buf.Grow(1024)
	b.ReportAllocs()
	for b.Loop() {
		_ = appendInstance(buf.AvailableBuffer(), inst, inst.LastRenewal, 1<<40)
	}
}
