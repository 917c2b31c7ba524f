package prometheus

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

var _ Node = (*apitest.Fake)(nil)

// What is answered to which query is in the conversations of package api; here is what holds for every answer.

func get(tb interface{ Fatal(args ...any) }, node Node, query string, header ...string) *httptest.ResponseRecorder {
	mux := http.NewServeMux()
	New(node).Mount(func(method, pattern string, h http.Handler) { mux.Handle(method+" "+pattern, h) })
	req, err := http.NewRequest(http.MethodGet, "/sd/prometheus"+query, nil)
	if err != nil {
		tb.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, req)
	return rec
}

// group is what Prometheus reads, and it reads nothing else.
type group struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

var labelName = regexp.MustCompile(`^__meta_muster_[a-zA-Z0-9_]+$`)

func TestWhateverIsRegisteredThePrometheusFormHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		node := apitest.New()
		text := rapid.StringN(1, 20, 200)
		registered := 0
		for i := range rapid.IntRange(0, 8).Draw(t, "instances") {
			_, _, err := node.Put(t.Context(), muster.Instance{
				Service: text.Draw(t, "service"), ID: strconv.Itoa(i), Address: rapid.SampledFrom([]string{"h", "10.0.0.1", "fd00::1"}).Draw(t, "address"),
				Port: 1 + i, Tags: rapid.SliceOfN(text, 0, 3).Draw(t, "tags"), Zone: rapid.SampledFrom([]string{"", "a"}).Draw(t, "zone"),
				Metadata: rapid.MapOfN(text, text, 0, 4).Draw(t, "metadata"), Ports: rapid.MapOfN(text, rapid.IntRange(1, 9), 0, 2).Draw(t, "ports"),
			})
			if err == nil {
				registered++
			}
		}
		rec := get(t, node, "")
		d := json.NewDecoder(rec.Body)
		d.DisallowUnknownFields()
		var groups []*group
		if err := d.Decode(&groups); err != nil || rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "application/json" {
			t.Fatalf("%d %v: %v", rec.Code, rec.Header(), err)
		}
		if groups == nil || len(groups) != registered {
			t.Fatalf("%d of %d instances", len(groups), registered)
		}
		for _, g := range groups {
			if g == nil || len(g.Targets) != 1 {
				t.Fatalf("%v is no group of one", g)
			}
			for name := range g.Labels {
				if !labelName.MatchString(name) {
					t.Fatalf("%q is no name of a label", name)
				}
			}
		}
		if !slices.IsSortedFunc(groups, func(a, b *group) int { return keyOf(a).Compare(keyOf(b)) }) {
			t.Fatal("the groups are in no order")
		}
	})
}

func keyOf(g *group) muster.Key {
	const p = "__meta_muster_"
	return muster.Key{Namespace: g.Labels[p+"namespace"], Service: g.Labels[p+"service"], ID: g.Labels[p+"id"]}
}

// The entity tag is the content's: nodes that agree have the same, and what is not in the list does not change it.
func TestTheEntityTagIsThatOfTheContent(t *testing.T) {
	a, b := apitest.New(), apitest.New()
	for _, node := range []*apitest.Fake{a, b} {
		if _, _, err := node.Put(t.Context(), muster.Instance{Service: "web", Address: "h", Port: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := b.Put(t.Context(), muster.Instance{Service: "web", Address: "h", Port: 1, Namespace: "other"}); err != nil {
		t.Fatal(err)
	}
	etag := get(t, a, "").Header().Get("Etag")
	for _, held := range []string{etag, "W/" + etag, `"x", ` + etag, "*"} {
		if rec := get(t, b, "", "If-None-Match", held); rec.Code != http.StatusNotModified || rec.Body.Len() > 0 || rec.Header().Get("Etag") != etag {
			t.Errorf("%s: %d %s", held, rec.Code, rec.Body)
		}
	}
	if rec := get(t, b, "?namespace=*", "If-None-Match", etag); rec.Code != http.StatusOK {
		t.Errorf("another list: %d", rec.Code)
	}
	b.Preserve(muster.Key{Namespace: "default", Service: "web", ID: "web-h-1"})
	if rec := get(t, b, "", "If-None-Match", etag); rec.Code != http.StatusOK {
		t.Errorf("after a change: %d", rec.Code)
	}
}
