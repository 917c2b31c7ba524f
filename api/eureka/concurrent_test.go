package eureka

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/musterhq/muster"
)

// Whoever reads while others write gets an answer that is whole, in every form, and what it says of itself is true.
func TestAnswersAreWholeWhileOthersWrite(t *testing.T) {
	t.Parallel()
	node := filled(t, 200)
	api := New(node, Config{})
	var stop atomic.Bool
	var writers, readers sync.WaitGroup
	writers.Go(func() {
		for n := 0; !stop.Load(); n++ {
			put(t, node, n%400, []muster.Status{muster.StatusUp, muster.StatusDown, muster.StatusStarting}[n%3])
			_ = node.Remove(t.Context(), muster.Key{Namespace: "default", Service: fmt.Sprintf("service-%d", n%10), ID: fmt.Sprintf("host-%05d:service-%d:8080", n*7%400, n*7%10)})
		}
	})
	for _, path := range []string{"apps", "apps/delta", "apps/SERVICE-3", "vips/service-4"} {
		for _, accept := range []string{"application/json", "application/xml"} {
			readers.Go(func() {
				for range 4 {
					w := ask(t, api, http.MethodGet, "/eureka/"+path, "Accept", accept)
					if w.Code != http.StatusOK {
						t.Errorf("%s: %d", path, w.Code)
						return
					}
					if accept == "application/xml" {
						if err := xml.Unmarshal(w.Body.Bytes(), new(struct{})); err != nil {
							t.Errorf("%s: %v", path, err)
						}
						continue
					}
					if !json.Valid(w.Body.Bytes()) {
						t.Errorf("%s is not JSON: %.200s", path, w.Body)
					}
					if path == "apps" {
						m := &model{t: t, api: api, instances: map[string]string{}}
						var a answered
						if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
							t.Error(err)
						}
						m.apply(a)
						if m.hash() != a.Applications.Hash {
							t.Errorf("the hash is %s, and there are %s", a.Applications.Hash, m.hash())
						}
					}
				}
			})
		}
	}
	readers.Wait()
	stop.Store(true)
	writers.Wait()
}
