package native

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"pgregory.net/rapid"
)

// The short way of a renewal leads where the mux does, or nowhere.
func TestPlainHeartbeatsAreThoseOfTheMux(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT "+HeartbeatPattern, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Key", r.PathValue("service")+"\x00"+r.PathValue("id"))
	})
	segment := rapid.SampledFrom([]string{"a", "b c", "b%20c", "a%2Fb", "", ".", "..", "instances", "heartbeat", "é", "a:1", "a+b", "a;b", "%"})
	taken := 0
	rapid.Check(t, func(t *rapid.T) {
		path := "/api/v1/services/" + segment.Draw(t, "service") + "/instances/" + segment.Draw(t, "id") + "/" +
			rapid.SampledFrom([]string{"heartbeat", "heartbeat", "heartbeat/", "heartbeat/x", "heartbeat?", "heartbeat?a=b", "status", ""}).Draw(t, "last")
		r, err := http.NewRequestWithContext(t.Context(), rapid.SampledFrom([]string{"PUT", "PUT", "PUT", "GET"}).Draw(t, "method"), "http://h"+path, http.NoBody)
		if err != nil {
			return // No URL, so no request.
		}
		key, plain := plainHeartbeat(r)
		if !plain {
			return
		}
		taken++
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if got := w.Header().Get("Key"); w.Code != http.StatusOK || got != key.Service+"\x00"+key.ID {
			t.Fatalf("%s: the mux says %d, %q, the short way %v", path, w.Code, got, key)
		}
	})
	if taken == 0 {
		t.Fatal("none was plain")
	}
}
