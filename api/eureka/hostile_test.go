package eureka

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/musterhq/muster/api/apitest"
)

func zipped(tb testing.TB, b []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := z.Write(b); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func laughs() string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">`)
	for n := range 9 {
		fmt.Fprintf(&b, `<!ENTITY lol%d "%s">`, n+1, strings.Repeat(fmt.Sprintf("&lol%d;", n), 10))
	}
	b.WriteString(`]><instance><app>&lol9;</app></instance>`)
	return b.String()
}

// What is refused for its form is refused before anything is made of it.
func TestForbiddenFormsAreRefusedForThemselves(t *testing.T) {
	t.Parallel()
	for body, reason := range map[string]string{
		laughs(): "document type",
		`<!DOCTYPE a SYSTEM "file:///etc/passwd"><instance/>`:                                 "document type",
		"<instance>" + strings.Repeat("<a>", 10) + strings.Repeat("</a>", 10) + "</instance>": "levels",
		"<instance>" + strings.Repeat("<a/>", maxElements) + "</instance>":                    "elements",
		"<instance><app>&secret;</app></instance>":                                            "entity",
		"<instance/><instance/>":                                                              "second root",
		"<instance><a></b></instance>":                                                        "not open",
		"<instance>":                                                                          "too early",
		"<application/>":                                                                      "must be <instance>",
	} {
		if _, err := decodeXML([]byte(body)); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%.60s: %v, want something about %s", body, err, reason)
		}
	}
}

// Bodies that are meant to harm are refused, and cost no more memory than a bound that has nothing to do with what they
// pretend to be.
func TestHostileBodiesAreRefusedCheaply(t *testing.T) {
	const megabyte = 1 << 20
	api := New(apitest.New(), Config{})
	for _, c := range []struct {
		name, media, encoding string
		body                  []byte
		status                int
		limit                 uint64 // bytes allocated
	}{
		{"billion laughs", "application/xml", "", []byte(laughs()), 400, megabyte},
		{"an entity of its own", "application/xml", "", []byte(`<instance><app>&secret;</app></instance>`), 400, megabyte},
		{"an external entity", "application/xml", "", []byte(`<!DOCTYPE a SYSTEM "file:///etc/passwd"><instance/>`), 400, megabyte},
		{"10 MB of JSON", "application/json", "", []byte(`{"instance":{"app":"` + strings.Repeat("x", 10*megabyte) + `"}}`), 413, 8 * megabyte},
		{"10 MB of XML", "application/xml", "", bytes.Repeat([]byte("<a>"), 10*megabyte/3), 413, 8 * megabyte},
		{"a bomb of 16 MB", "application/json", "gzip", zipped(t, bytes.Repeat([]byte("0"), 16<<20)), 413, 8 * megabyte},
		{"a bomb of 8 MB", "application/xml", "gzip", zipped(t, bytes.Repeat([]byte("<a/>"), 2<<20)), 413, 8 * megabyte},
		{"deep JSON", "application/json", "", []byte(strings.Repeat(`{"instance":`, 80_000)), 400, 16 * megabyte},
		{"deep arrays", "application/json", "", []byte(`{"instance":{"x":` + strings.Repeat("[", 500_000)), 400, 16 * megabyte},
		{"deep XML", "application/xml", "", []byte(strings.Repeat("<a>", 300_000)), 400, 4 * megabyte},
		{"deeper than any schema", "application/xml", "", []byte("<instance>" + strings.Repeat("<a>", 10) + strings.Repeat("</a>", 10) + "</instance>"), 400, megabyte},
		{"wide XML", "application/xml", "", []byte("<instance>" + strings.Repeat("<a/>", 200_000) + "</instance>"), 400, 8 * megabyte},
		{"text in a thousand pieces", "application/xml", "", []byte("<instance><app>" + strings.Repeat("a<!---->", 100_000) + "</app></instance>"), 400, 64 * megabyte},
		{"wide JSON", "application/json", "", []byte(`{"instance":{` + wide(60_000) + `"app":"x"}}`), 400, 64 * megabyte},
		{"not gzip", "application/json", "gzip", []byte("hello"), 400, megabyte},
		{"half of a gzip", "application/json", "gzip", zipped(t, []byte(`{"instance":{}}`))[:20], 400, megabyte},
		{"not UTF-8", "application/xml", "", []byte("<instance><app>\xff\xfe</app></instance>"), 400, megabyte},
		{"another charset", "application/xml", "", []byte(`<?xml version="1.0" encoding="EBCDIC"?><instance/>`), 400, megabyte},
	} {
		req := httptest.NewRequest(http.MethodPost, "/eureka/apps/X", bytes.NewReader(c.body))
		req.Header.Set("Content-Type", c.media)
		req.Header.Set("Content-Encoding", c.encoding)
		w := httptest.NewRecorder()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		api.ServeHTTP(w, req)
		runtime.ReadMemStats(&after)
		if w.Code != c.status || w.Body.Len() > 0 {
			t.Errorf("%s: %d, %q, want %d and nothing", c.name, w.Code, w.Header().Get(headerReason), c.status)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > c.limit {
			t.Errorf("%s: allocates %d bytes, at most %d", c.name, got, c.limit)
		}
	}
	if n := api.latest().n; n > 0 {
		t.Errorf("%d instances have been registered", n)
	}
}

func wide(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"k%d":%d,`, i, i)
	}
	return b.String()
}

// A batch may be larger than a registration, and has a bound all the same.
func TestABatchHasABoundOfItsOwn(t *testing.T) {
	t.Parallel()
	api := New(apitest.New(), Config{MaxBodyBytes: 1000})
	for size, status := range map[int]int{7000: 200, 9000: 413} {
		body := `{"replicationList":[],"x":"` + strings.Repeat("x", size-40) + `"}`
		req := httptest.NewRequest(http.MethodPost, "/eureka/peerreplication/batch/", strings.NewReader(body))
		w := httptest.NewRecorder()
		if api.ServeHTTP(w, req); w.Code != status {
			t.Errorf("%d bytes: %d, want %d", size, w.Code, status)
		}
	}
}
