package api

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/musterhq/muster/api/apitest"
)

// templateOf is a mux pattern as the document writes it.
func templateOf(pattern string) string { return strings.TrimSuffix(pattern, "{$}") }

func TestDocumentAndRoutesAreTheSame(t *testing.T) {
	t.Parallel()
	doc := readDocument(t)
	documented := map[string]bool{}
	for path, operations := range doc.Paths {
		for method := range operations {
			documented[strings.ToUpper(method)+" "+path] = true
		}
	}
	for _, r := range newServer(apitest.New(), Config{}).routes {
		key := r.method + " " + templateOf(r.pattern)
		if !documented[key] {
			t.Errorf("%s is served and not in the document", key)
		}
		delete(documented, key)
	}
	for key := range documented {
		t.Errorf("%s is in the document and not served", key)
	}
}

func TestDocumentIsSound(t *testing.T) {
	t.Parallel()
	doc := readDocument(t)
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("openapi is %q", doc.OpenAPI)
	}
	used := map[string]bool{}
	ids := map[string]string{}
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for method, op := range doc.Paths[path] {
			at := strings.ToUpper(method) + " " + path
			if other := ids[op.OperationID]; other != "" || op.OperationID == "" || op.Summary == "" {
				t.Errorf("%s: the operation's id %q is that of %q too, or it has no summary", at, op.OperationID, other)
			}
			ids[op.OperationID] = at
			inPath := map[string]bool{}
			for _, p := range op.Parameters {
				used[p.Ref] = true
				full, err := named(doc.Components.Parameters, p.Ref, "parameters")
				if err != nil {
					t.Errorf("%s: %v", at, err)
					continue
				}
				if full.In == "path" {
					inPath[full.Name] = true
				}
			}
			for segment := range strings.SplitSeq(path, "/") {
				if name := strings.Trim(segment, "{}"); name != segment && !inPath[name] {
					t.Errorf("%s: the path's {%s} is not described", at, name)
				}
				delete(inPath, strings.Trim(segment, "{}"))
			}
			if len(inPath) > 0 {
				t.Errorf("%s: describes %v, which the path does not have", at, inPath)
			}
			for code, r := range op.Responses {
				used[r.Ref] = true
				if full := doc.response(t, r); full.Description == "" {
					t.Errorf("%s %s: no description", at, code)
				}
			}
		}
	}
	for name := range doc.Components.Parameters {
		if !used["#/components/parameters/"+name] {
			t.Errorf("the parameter %s is described and never used", name)
		}
	}
	for name := range doc.Components.Responses {
		if !used["#/components/responses/"+name] {
			t.Errorf("the response %s is described and never used", name)
		}
	}
}

func (doc *document) response(tb testing.TB, r *response) *response {
	tb.Helper()
	if r.Ref == "" {
		return r
	}
	full, err := named(doc.Components.Responses, r.Ref, "responses")
	if err != nil {
		tb.Fatal(err)
	}
	return full
}

// checkExchange holds a request and its answer against the document. pattern is the route's, without method; empty if no
// route took the request.
func (doc *document) checkExchange(tb testing.TB, pattern string, req *http.Request, sent []byte, code int, h http.Header, got []byte) {
	tb.Helper()
	at := req.Method + " " + req.URL.Path + ": " + strconv.Itoa(code)
	problem := &schema{Ref: "#/components/schemas/Problem"}
	if h.Get("X-Request-Id") == "" || h.Get("X-Content-Type-Options") != "nosniff" {
		tb.Errorf("%s: no request id, or the browser may guess the type", at)
	}
	if pattern == "" {
		if code != 404 && code != 405 || h.Get("Content-Type") != "application/problem+json" {
			tb.Errorf("%s: a path without a route must answer with a problem", at)
		}
		for _, p := range doc.checkJSON(problem, at, got) {
			tb.Error(p)
		}
		return
	}
	op, ok := doc.Paths[templateOf(pattern)][strings.ToLower(cmp.Or(map[string]string{"HEAD": "GET"}[req.Method], req.Method))]
	if !ok {
		tb.Fatalf("%s: the document has no such operation at %s", at, pattern)
	}
	r := op.Responses[strconv.Itoa(code)]
	if r == nil {
		tb.Errorf("%s: the document does not know this status", at)
		return
	}
	r = doc.response(tb, r)
	doc.checkHeaders(tb, at, r, h)
	if code < 300 {
		doc.checkRequest(tb, at, op, req, sent)
	}
	if req.Method == http.MethodHead || code == 302 {
		return
	}
	if len(r.Content) == 0 {
		if len(got) > 0 {
			tb.Errorf("%s: has a body, and the document knows of none: %s", at, got)
		}
		return
	}
	mediaType, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	content, ok := r.Content[mediaType]
	switch {
	case !ok:
		tb.Errorf("%s: is %q, and the document has %v", at, mediaType, slices.Sorted(maps.Keys(r.Content)))
	case strings.HasSuffix(mediaType, "json"):
		for _, p := range doc.checkJSON(content.Schema, at, got) {
			tb.Error(p)
		}
	case mediaType == "text/event-stream":
		doc.checkEvents(tb, at, r, string(got))
	}
}

// checkHeaders expects all the headers that the document has for who answers, and none of ours that it does not have.
func (doc *document) checkHeaders(tb testing.TB, at string, r *response, h http.Header) {
	tb.Helper()
	documented := map[string]bool{}
	for name, ref := range r.Headers {
		if _, err := named(doc.Components.Headers, ref.Ref, "headers"); err != nil {
			tb.Errorf("%s: %v", at, err)
		}
		documented[http.CanonicalHeaderKey(name)] = true
	}
	problem := r.Content["application/problem+json"].Schema != nil
	for _, name := range []string{"Muster-Node", "Muster-Datacenter", "Muster-Index"} {
		if documented[name] && h.Get(name) == "" {
			tb.Errorf("%s: lacks %s", at, name)
		}
	}
	for name := range h {
		ours := strings.HasPrefix(name, "Muster-") && !problem || slices.Contains([]string{"Etag", "Location", "Retry-After"}, name)
		if ours && !documented[name] && at[len(at)-3:] != "302" {
			tb.Errorf("%s: has %s, which the document does not know", at, name)
		}
	}
}

// checkRequest holds a request that was accepted against the document: what is accepted must be described.
func (doc *document) checkRequest(tb testing.TB, at string, op operation, req *http.Request, sent []byte) {
	tb.Helper()
	described := map[string]bool{}
	for _, p := range op.Parameters {
		if full, err := named(doc.Components.Parameters, p.Ref, "parameters"); err == nil && full.In == "query" {
			described[full.Name] = true
		}
	}
	for name := range req.URL.Query() {
		if !described[name] {
			tb.Errorf("%s: accepts the parameter %s, which the document does not know", at, name)
		}
	}
	if op.RequestBody == nil {
		return
	}
	for _, content := range op.RequestBody.Content {
		for _, p := range doc.checkJSON(content.Schema, at+" (request)", sent) {
			tb.Error(p)
		}
	}
}

// checkEvents holds each event of a stream against the schema of its type.
func (doc *document) checkEvents(tb testing.TB, at string, r *response, stream string) {
	tb.Helper()
	for block := range strings.SplitSeq(strings.TrimSuffix(stream, "\n\n"), "\n\n") {
		var event, data, id string
		for line := range strings.SplitSeq(block, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			switch name {
			case "event":
				event = value
			case "data":
				data = value
			case "id":
				id = value
			case "", "retry":
			default:
				tb.Errorf("%s: %q is no line of an event stream", at, line)
			}
		}
		if data == "" && event == "" {
			continue
		}
		s := r.Events[event]
		if s == nil || id == "" {
			tb.Errorf("%s: the event %q (id %q) is not in the document, or has no id", at, event, id)
			continue
		}
		for _, p := range doc.checkJSON(s, at+" "+event, []byte(data)) {
			tb.Error(p)
		}
	}
}
