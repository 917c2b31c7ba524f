package eureka

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/musterhq/muster"
)

// operation is what a request asks for: a method and a path's form.
type operation struct{ method, pattern string }

// handler answers a request or says why it cannot; then it has written nothing.
type handler func(http.ResponseWriter, *http.Request) error

// Mount gives the handler of every operation to wrap, with its method and the form of its path, and uses what wrap
// returns from then on. Before the first request only.
func (a *API) Mount(wrap func(method, pattern string, h http.Handler) http.Handler) {
	a.routes = make(map[operation]http.Handler)
	for _, o := range []struct {
		method, pattern string
		handler         handler
		always          bool // answered even if the node is not ready: it is about the node, not the registry
	}{
		{"GET", "apps", a.getApps, false},
		{"GET", "apps/delta", a.getDelta, false},
		{"GET", "apps/{app}", a.getApp, false},
		{"POST", "apps/{app}", a.register, false},
		{"GET", "apps/{app}/{id}", a.getInstance, false},
		{"PUT", "apps/{app}/{id}", a.heartbeat, false},
		{"DELETE", "apps/{app}/{id}", a.cancel, false},
		{"PUT", "apps/{app}/{id}/status", a.setStatus, false},
		{"DELETE", "apps/{app}/{id}/status", a.clearStatus, false},
		{"PUT", "apps/{app}/{id}/metadata", a.setMetadata, false},
		{"GET", "instances/{id}", a.getInstanceByID, false},
		{"GET", "vips/{vip}", a.getVIP, false},
		{"GET", "svips/{vip}", a.getSecureVIP, false},
		{"POST", "peerreplication/batch", a.batch, false},
		{"PUT", "asg/{asg}/status", a.setGroupStatus, true},
		{"GET", "status", a.getStatus, true},
		{"GET", "lastn", a.getLastN, true},
		{"GET", "serverinfo/statusoverrides", a.getOverrides, false},
		{"other", "other", a.noOperation, true},
	} {
		a.routes[operation{o.method, o.pattern}] = wrap(o.method, "/eureka/"+o.pattern, a.serve(o.handler, o.always))
	}
}

// Owns reports whether a request is for this dialect, by its path: below /eureka or /v2, with any number of slashes. The
// one who serves it has to ask before an http.ServeMux does, which answers a doubled slash with a redirect that most
// clients do not follow.
func Owns(r *http.Request) bool {
	first, _ := nextSegment(r.URL.Path)
	return first == "eureka" || first == "v2"
}

// ServeHTTP answers a request that the dialect owns.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	op, ok := a.route(r)
	h := a.routes[op]
	if h == nil || !ok {
		h = a.routes[operation{"other", "other"}]
	}
	h.ServeHTTP(w, r)
}

// patternOf tells operations apart by how many names follow the first segment.
var patternOf = map[string][]string{
	"apps":            {"apps", "apps/{app}", "apps/{app}/{id}"},
	"instances":       {"", "instances/{id}"},
	"vips":            {"", "vips/{vip}"},
	"svips":           {"", "svips/{vip}"},
	"peerreplication": {"", "peerreplication/"},
	"asg":             {"", "", "asg/{asg}/"},
	"status":          {"status"},
	"lastn":           {"lastn"},
	"serverinfo":      {"", "serverinfo/"},
}

// maxSegments is one more than the longest path has.
const maxSegments = 5

// route finds a request's operation and gives it the names in its path. False for a path that cannot be read.
func (a *API) route(r *http.Request) (operation, bool) {
	op := operation{method: r.Method}
	if op.method == http.MethodHead {
		op.method = http.MethodGet
	}
	var buf [maxSegments]string
	segments := buf[:0]
	first, path := nextSegment(r.URL.EscapedPath())
	for skip := first == "eureka"; path != ""; skip = false {
		var s string
		if s, path = nextSegment(path); s == "" || skip && isVersion(s) {
			continue
		}
		if len(segments) == maxSegments {
			return op, false
		}
		s, err := url.PathUnescape(s)
		if err != nil {
			return op, false
		}
		segments = append(segments, s)
	}
	if len(segments) == 0 {
		return op, false
	}
	kind, names := segments[0], segments[1:]
	last := ""
	if len(names) > 0 {
		last = names[len(names)-1]
	}
	patterns := patternOf[kind]
	switch {
	case kind == "apps" && len(names) == 1 && last == "delta":
		op.pattern = "apps/delta"
		return op, true
	case kind == "apps" && len(names) == 3 && (last == "status" || last == "metadata"):
		op.pattern = patterns[2] + "/" + last
	case len(names) < len(patterns):
		op.pattern = patterns[len(names)]
	}
	if strings.HasSuffix(op.pattern, "/") { // What is written so ends with a word of its own.
		op.pattern += last
	}
	switch kind {
	case "apps":
		if len(names) > 0 {
			r.SetPathValue("app", appOf(names[0]))
		}
		if len(names) > 1 {
			r.SetPathValue("id", names[1])
		}
	case "instances":
		r.SetPathValue("id", last)
	case "vips", "svips":
		r.SetPathValue("vip", last)
	}
	return op, op.pattern != ""
}

// isVersion reports whether a segment is the version of the protocol, which all clients of today have as v2 or not at all.
func isVersion(s string) bool { return strings.EqualFold(s, "v2") || strings.EqualFold(s, "v1") }

// nextSegment is the first segment of a path, without slashes, and what comes after it.
func nextSegment(path string) (segment, rest string) {
	path = strings.TrimLeft(path, "/")
	segment, rest, _ = strings.Cut(path, "/")
	return segment, rest
}

// serve wraps what all operations share: readiness, and the way from an error to a status.
func (a *API) serve(h handler, always bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !always {
			if ready, _ := a.node.Ready(); !ready {
				a.fail(w, r, muster.ErrNotReady)
				return
			}
		}
		if err := h(w, r); err != nil {
			a.fail(w, r, err)
		}
	})
}

func (a *API) noOperation(http.ResponseWriter, *http.Request) error { return errNoOperation }
