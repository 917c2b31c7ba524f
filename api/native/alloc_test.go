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

// hot are the requests that a registry answers most, each with the allocations that its handler may make. The mux and
// net/http have theirs besides.
func hot(t testing.TB) (map[string]func() int, map[string]float64) {
	t.Helper()
	node := apitest.New()
	for i := range 1000 {
		register(t, node, "large", fmt.Sprintf("id-%04d", i))
		if i < 10 {
			register(t, node, "small", fmt.Sprintf("id-%04d", i))
		}
	}
	a := New(node, Config{})
	w := &discard{header: http.Header{}}
	prepare := func(h handler, service, etag string) func() int {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
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
	return map[string]func() int{
			"heartbeat":    prepare(a.heartbeat, "large", ""),
			"lookup_10":    prepare(a.getService, "small", ""),
			"lookup_1000":  prepare(a.getService, "large", ""),
			"revalidation": prepare(a.getService, "large", etag),
		}, map[string]float64{
			"heartbeat": 0, "lookup_10": 9, "lookup_1000": 9, "revalidation": 6,
		}
}

func TestHotRequestsAllocateNextToNothing(t *testing.T) {
	requests, limits := hot(t)
	codes := map[string]int{"heartbeat": 204, "lookup_10": 200, "lookup_1000": 200, "revalidation": 304}
	for name, request := range requests {
		if code := request(); code != codes[name] {
			t.Errorf("%s: answered %d, want %d", name, code, codes[name])
		}
		if got := testing.AllocsPerRun(100, func() { request() }); got > limits[name] {
			t.Errorf("%s: %v allocations, want at most %v", name, got, limits[name])
		}
	}
}

func BenchmarkHot(b *testing.B) {
	requests, _ := hot(b)
	for _, name := range []string{"heartbeat", "lookup_10", "lookup_1000", "revalidation"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				requests[name]()
			}
		})
	}
}

func BenchmarkRegister(b *testing.B) {
	a := New(apitest.New(), Config{})
	body := `{"service":"payments","address":"10.0.0.5","port":8080,"tags":["v2"],"metadata":{"version":"1.4"},"ttl":"30s"}`
	serve, w := a.serve(a.register, false), &discard{header: http.Header{}}
	req := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/", nil)
	req.Header.Set("Content-Type", "application/json")
	b.ReportAllocs()
	for b.Loop() {
		req.Body = readCloser{strings.NewReader(body)}
		serve.ServeHTTP(w, req)
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

func BenchmarkDecode(b *testing.B) {
	body := []byte(`{"service":"payments","address":"10.0.0.5","port":8080,"tags":["v2"],"metadata":{"version":"1.4"},"ttl":"30s"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeRegistration(body, ""); err != nil {
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
