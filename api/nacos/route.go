package nacos

import (
	"net/http"
	"strings"

	"github.com/musterhq/muster"
)

// operation is a method and a path below base.
type operation struct{ method, path string }

// call is one request that is being answered.
type call struct {
	w http.ResponseWriter
	r *http.Request
	params
}

// handler answers a request or says why it cannot; then it has written nothing.
type handler func(*call) error

const (
	root = "/nacos"
	base = root + "/v1/"
)

// other is where requests end up that no operation is for.
var other = operation{"other", base + "other"}

// when says whether an operation is answered by a node that is not ready.
type when bool

const (
	ready  when = false
	always when = true // It is about the node, not the registry.
)

// Mount gives the handler of every operation to wrap, with its method and path, and uses what wrap returns from then on.
// Before the first request only.
func (a *API) Mount(wrap func(method, pattern string, h http.Handler) http.Handler) {
	const get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
	a.routes = make(map[operation]http.Handler)
	for _, e := range []struct {
		method, path string
		handler      handler
		when         when
	}{
		{post, "ns/instance", a.register, ready},
		{put, "ns/instance", a.update, ready},
		{patch, "ns/instance", a.patch, ready},
		{del, "ns/instance", a.deregister, ready},
		{get, "ns/instance", a.getInstance, ready},
		{put, "ns/instance/beat", a.beat, ready},
		{get, "ns/instance/list", a.listInstances, ready},

		{get, "ns/service/list", a.listServices, ready},
		{get, "ns/service", a.getService, ready},
		{post, "ns/service", a.createService, ready},
		{put, "ns/service", a.updateService, ready},
		{del, "ns/service", a.deleteService, ready},

		{get, "ns/operator/metrics", a.metrics, always},
		{get, "ns/operator/switches", a.switches, always},
		{post, "auth/login", a.login, always},
		{post, "auth/users/login", a.login, always},
		{get, "console/health/liveness", a.liveness, always},
		{get, "console/health/readiness", a.readiness, always},
		{get, "console/namespaces", a.namespaces, ready},
		{get, "console/server/state", a.state, always},
	} {
		path := base + e.path
		a.routes[operation{e.method, path}] = wrap(e.method, path, a.serve(e.handler, e.when))
	}
	const servers = root + "/serverlist"
	a.routes[operation{get, servers}] = wrap(get, servers, a.serve(a.servers, always))
	a.routes[other] = wrap(other.method, other.path, a.serve(noOperation, always))
}

// Owns reports whether a request is for this dialect, by its path: below /nacos.
func Owns(r *http.Request) bool { return r.URL.Path == root || strings.HasPrefix(r.URL.Path, root+"/") }

// ServeHTTP answers a request that the dialect owns.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	op := operation{r.Method, strings.TrimSuffix(r.URL.Path, "/")}
	if op.method == http.MethodHead {
		op.method = http.MethodGet
	}
	h := a.routes[op]
	if h == nil {
		h = a.routes[other]
	}
	h.ServeHTTP(w, r)
}

// serve wraps what all operations share: readiness, parameters, and the way from an error to an answer.
func (a *API) serve(h handler, on when) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ok, _ := a.node.Ready(); !ok && on != always {
			a.fail(w, r, muster.ErrNotReady)
			return
		}
		p, err := a.readParams(w, r)
		if err == nil {
			err = h(&call{w, r, p})
		}
		if err != nil {
			a.fail(w, r, err)
		}
	})
}

func noOperation(c *call) error {
	return &failure{http.StatusNotImplemented, "no such api:" + c.r.Method + ":" + c.r.URL.Path}
}
