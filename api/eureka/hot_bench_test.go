package eureka

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

// fataler is testing.TB and rapid.T.
type fataler interface {
	Helper()
	Context() context.Context
	Fatal(args ...any)
}

// filled is a node with n instances in ten applications, as Spring's clients register them.
func filled(tb fataler, n int) *apitest.Fake {
	tb.Helper()
	node := apitest.New()
	for i := range n {
		put(tb, node, i, muster.StatusUp)
	}
	return node
}

func put(tb fataler, node *apitest.Fake, n int, status muster.Status) {
	tb.Helper()
	i := info{
		id: fmt.Sprintf("host-%05d:service-%d:8080", n, n%10), host: fmt.Sprintf("host-%05d.example.org", n),
		app: fmt.Sprintf("SERVICE-%d", n%10), ip: fmt.Sprintf("10.0.%d.%d", n/250, n%250+1), sid: none, status: status,
		port: port{8080, true}, securePort: port{443, false}, country: 1, datacenter: datacenter{name: myOwn},
		lease: lease{renewal: 30, duration: 90}, metadata: map[string]string{"management.port": "8080"},
		homePage: "http://host.example.org:8080/", statusPage: "http://host.example.org:8080/actuator/info",
		healthCheck: "http://host.example.org:8080/actuator/health",
		vip:         fmt.Sprintf("service-%d", n%10), secureVIP: fmt.Sprintf("service-%d", n%10), dirty: 1700000000000,
	}
	if _, _, err := node.Put(tb.Context(), i.instance()); err != nil {
		tb.Fatal(err)
	}
}

const manyInstances = 10_000

// Both of a pair write the same bytes over a real socket: the one takes them from what is encoded, the other has them.

func BenchmarkApps(b *testing.B) {
	api := New(filled(b, manyInstances), Config{})
	b.Run("identity", func(b *testing.B) { fetch(b, api, "identity") })
	b.Run("gzip", func(b *testing.B) { fetch(b, api, "gzip") })
}

func BenchmarkSameBytes(b *testing.B) {
	api := New(filled(b, manyInstances), Config{})
	for _, encoding := range []string{"identity", "gzip"} {
		p := api.latest().all(jsonFull, encoding == "gzip")
		whole := p.join()
		same := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", strconv.Itoa(len(whole)))
			_, _ = w.Write(whole)
		})
		b.Run(encoding, func(b *testing.B) { fetch(b, same, encoding) })
	}
}

func fetch(b *testing.B, h http.Handler, encoding string) {
	b.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	var size int64
	buf := make([]byte, 1<<20)
	get := func() {
		req, err := http.NewRequest(http.MethodGet, server.URL+"/eureka/apps/", nil)
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Accept", "application/json")
		req.Header.Set("Accept-Encoding", encoding)
		resp, err := client.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		size, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, resp.Body, buf)
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Fatal(resp.Status, err)
		}
		_ = resp.Body.Close()
	}
	get() // What is encoded once is no part of what each answer costs.
	b.ReportAllocs()
	b.SetBytes(size)
	for b.Loop() {
		get()
	}
}

// What a change of one instance among 10,000 costs the next reader, before its answer is written: to encode that instance
// and to put its segment together anew.
func BenchmarkOneChange(b *testing.B) {
	node := filled(b, manyInstances)
	api := New(node, Config{})
	api.latest().all(jsonFull, false)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		put(b, node, 5000, [...]muster.Status{muster.StatusUp, muster.StatusDown}[n%2])
		b.StartTimer()
		api.latest().all(jsonFull, false)
	}
}

// The same for one who takes it compressed.
func BenchmarkOneChangeCompressed(b *testing.B) {
	node := filled(b, manyInstances)
	api := New(node, Config{})
	api.latest().all(jsonFull, true)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		put(b, node, 5000, [...]muster.Status{muster.StatusUp, muster.StatusDown}[n%2])
		b.StartTimer()
		api.latest().all(jsonFull, true)
	}
}

func BenchmarkDelta(b *testing.B) {
	node := filled(b, manyInstances)
	api := New(node, Config{})
	req := httptest.NewRequest(http.MethodGet, "/eureka/apps/delta", nil)
	req.Header.Set("Accept", "application/json")
	api.ServeHTTP(httptest.NewRecorder(), req)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		put(b, node, n%100, muster.StatusUp)
		api.ServeHTTP(httptest.NewRecorder(), req)
	}
}

func BenchmarkHeartbeat(b *testing.B) {
	node := filled(b, 1000)
	api := New(node, Config{})
	req := httptest.NewRequest(http.MethodPut, "/eureka/apps/SERVICE-5/host-00005:service-5:8080?status=UP&lastDirtyTimestamp=1700000000000", nil)
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		if api.ServeHTTP(w, req); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
