package nacos

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

// ask sends a request with a form in its body.
func ask(t *testing.T, h http.Handler, method, path, form string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(form)))
	return w
}

// must is ask for what has to be answered 200.
func must(t *testing.T, h http.Handler, method, path, form string) string {
	t.Helper()
	w := ask(t, h, method, path, form)
	if w.Code != http.StatusOK {
		t.Fatalf("%s %s %s: %d %s", method, path, form, w.Code, w.Body)
	}
	return w.Body.String()
}

// everything is all instances of a node.
func everything(node *apitest.Fake) (all []*muster.Instance) {
	for _, view := range node.Services().Services {
		all = append(all, view.Instances()...)
	}
	return all
}

// listed are the instances that a list answers with.
func listed(t *testing.T, h http.Handler, query string) []host {
	t.Helper()
	var out struct{ Hosts []host }
	if err := json.Unmarshal([]byte(must(t, h, http.MethodGet, base+"ns/instance/list?"+query, "")), &out); err != nil {
		t.Fatal(err)
	}
	return out.Hosts
}
