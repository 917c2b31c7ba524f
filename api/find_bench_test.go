package api

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

// discard is a response writer that keeps nothing but the size.
type discard struct {
	header http.Header
	bytes  int64
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(b []byte) (int, error) { d.bytes += int64(len(b)); return len(b), nil }

// BenchmarkFind is what finding a service costs, by dialect and by how many instances it has.
func BenchmarkFind(b *testing.B) {
	for _, n := range []int{10, 1000} {
		node := apitest.New()
		for i := range n {
			inst := muster.Instance{Service: "s", ID: "s-" + strconv.Itoa(10000+i), Address: "10.0.0.1", Port: 8080, Tags: []string{"v1"}}
			if _, _, err := node.Put(b.Context(), inst); err != nil {
				b.Fatal(err)
			}
		}
		h := Handler(node)
		for _, dialect := range []struct{ name, path string }{
			{"native", "/api/v1/services/s"},
			{"consul", "/v1/health/service/s"},
			{"consul_passing", "/v1/health/service/s?passing=1"},
			{"consul_catalog", "/v1/catalog/service/s"},
		} {
			b.Run(dialect.name+"/"+strconv.Itoa(n), func(b *testing.B) {
				b.ReportAllocs()
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, dialect.path, nil)
				w := &discard{header: http.Header{}}
				h.ServeHTTP(w, r)
				b.SetBytes(w.bytes)
				for b.Loop() {
					clear(w.header)
					h.ServeHTTP(w, r)
				}
			})
		}
	}
}
