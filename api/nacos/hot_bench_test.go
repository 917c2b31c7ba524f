package nacos

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/musterhq/muster/api/apitest"
)

// What a registry is asked most: lists that did not change, and beats.
func BenchmarkHotPaths(b *testing.B) {
	node := apitest.New()
	api := New(node, Config{})
	for i := range 100 {
		req := httptest.NewRequestWithContext(b.Context(), http.MethodPost, base+"ns/instance",
			strings.NewReader(fmt.Sprintf("serviceName=a&ip=10.0.0.%d&port=80", i)))
		api.ServeHTTP(httptest.NewRecorder(), req)
	}
	const keys = "serviceName=DEFAULT_GROUP@@a&ip=10.0.0.7&port=80"
	for _, c := range []struct{ name, method, target, body string }{
		{"list", http.MethodGet, "ns/instance/list?serviceName=a&udpPort=54951", ""},
		{"list_healthy", http.MethodGet, "ns/instance/list?serviceName=a&healthyOnly=true", ""},
		{"light_beat", http.MethodPut, "ns/instance/beat?" + keys, ""},
		{"full_beat", http.MethodPut, "ns/instance/beat", `serviceName=a&beat={"ip":"10.0.0.7","port":80,"weight":1,"cluster":"DEFAULT","metadata":{"a":"b"}}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := discard{header: http.Header{}}
				api.ServeHTTP(&w, httptest.NewRequestWithContext(b.Context(), c.method, base+c.target, strings.NewReader(c.body)))
				if w.code != http.StatusOK {
					b.Fatal(w.code)
				}
			}
		})
	}
}

// discard is a response writer that keeps nothing but the status.
type discard struct {
	header http.Header
	code   int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(code int)        { d.code = code }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
