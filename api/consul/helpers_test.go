package consul

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ Node = (*apitest.Fake)(nil)

// ask sends a request from a client at 10.9.8.7.
func ask(t *testing.T, h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	req.RemoteAddr = "10.9.8.7:1234"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

// must is ask for what has to be answered 200.
func must(t *testing.T, h http.Handler, method, path, body string) string {
	t.Helper()
	w := ask(t, h, method, path, body)
	if w.Code != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	b, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// read decodes the answer to a GET.
func read[T any](t *testing.T, h http.Handler, path string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(must(t, h, http.MethodGet, path, "")), &v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}

func put(t *testing.T, node *apitest.Fake, inst muster.Instance) muster.Key {
	t.Helper()
	if inst.Address == "" {
		inst.Address, inst.Port = "10.0.0.1", 80
	}
	stored, _, err := node.Put(t.Context(), inst)
	if err != nil {
		t.Fatal(err)
	}
	return stored.Key()
}

func override(t *testing.T, node *apitest.Fake, key muster.Key, status muster.Status, reason string) {
	t.Helper()
	if _, err := node.SetOverride(t.Context(), key, status, reason); err != nil {
		t.Fatal(err)
	}
}

// recorded is a request and what takes its answer.
type recorded struct {
	w *httptest.ResponseRecorder
	r *http.Request
}

func newCall(ctx context.Context, path string) recorded {
	return recorded{httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)}
}
