package consul

import (
	"net/http"
	"sort"
	"strings"
)

// call is one request that is being answered.
type call struct {
	w    http.ResponseWriter
	r    *http.Request
	name string // what follows the pattern's fixed part in the path
	query
}

// handler answers a request or says why it cannot; then it has written nothing.
type handler func(*call) error

// route is one endpoint. Its path is fixed, or what it begins with if it ends with a slash: a name is the whole rest of
// a path, slashes and all.
type route struct {
	method, path string
	handler      http.Handler
}

// routes are all endpoints: those of a fixed path, and those with a name, the longest path first.
type routes struct {
	fixed map[string]*route
	named []*route
	other http.Handler
}

// when says whether an endpoint is answered by a node that is not ready.
type when bool

const (
	ready  when = false
	always when = true // It is about the node, not the registry.
)

// Mount gives the handler of every endpoint to wrap, with its method and the form of its path, and uses what wrap
// returns from then on. Before the first request only.
func (a *API) Mount(wrap func(method, pattern string, h http.Handler) http.Handler) {
	const get, put = http.MethodGet, http.MethodPut
	a.routes = routes{fixed: make(map[string]*route)}
	for _, e := range []struct {
		method, path, name string
		handler            handler
		when               when
	}{
		{put, "agent/service/register", "", a.registerService, ready},
		{put, "agent/service/deregister/", "id", a.deregisterService, ready},
		{put, "agent/service/maintenance/", "id", a.maintainService, ready},
		{put, "agent/maintenance", "", a.maintainNode, ready},
		{put, "agent/check/register", "", a.registerCheck, ready},
		{put, "agent/check/deregister/", "id", a.deregisterCheck, ready},
		{put, "agent/check/pass/", "id", a.passCheck, ready},
		{put, "agent/check/warn/", "id", a.warnCheck, ready},
		{put, "agent/check/fail/", "id", a.failCheck, ready},
		{put, "agent/check/update/", "id", a.updateCheck, ready},
		{get, "agent/services", "", a.agentServices, ready},
		{get, "agent/service/", "id", a.agentService, ready},
		{get, "agent/checks", "", a.agentChecks, ready},
		{get, "agent/health/service/id/", "id", a.serviceHealthByID, ready},
		{get, "agent/health/service/name/", "service", a.serviceHealthByName, ready},
		{get, "agent/self", "", a.agentSelf, always},
		{get, "agent/members", "", a.agentMembers, always},
		{get, "agent/version", "", a.agentVersion, always},

		{get, "catalog/services", "", a.catalogServices, ready},
		{get, "catalog/service/", "service", a.catalogService, ready},
		{get, "catalog/nodes", "", a.catalogNodes, ready},
		{get, "catalog/node/", "node", a.catalogNode, ready},
		{get, "catalog/node-services/", "node", a.catalogNodeServices, ready},
		{get, "catalog/datacenters", "", a.datacenters, ready},
		{put, "catalog/register", "", a.catalogRegister, ready},
		{put, "catalog/deregister", "", a.catalogDeregister, ready},

		{get, "health/service/", "service", a.healthService, ready},
		{get, "health/checks/", "service", a.healthChecks, ready},
		{get, "health/node/", "node", a.healthNode, ready},
		{get, "health/state/", "state", a.healthState, ready},

		{get, "status/leader", "", a.leader, always},
		{get, "status/peers", "", a.peers, always},

		{get, "kv/", "key", a.noKey, ready},
		{get, "session/list", "", a.nothing, ready},
		{get, "event/list", "", a.nothing, ready},
		{get, "query", "", a.nothing, ready},
		{get, "catalog/connect/", "service", a.nothing, ready},
		{get, "health/connect/", "service", a.nothing, ready},
		{get, "coordinate/nodes", "", a.nothing, ready},
	} {
		pattern := "/v1/" + e.path
		if e.name != "" {
			pattern += "{" + e.name + "...}"
		}
		r := &route{e.method, e.path, wrap(e.method, pattern, a.serve(e.method, e.path, e.handler, e.when))}
		if e.name == "" {
			a.routes.fixed[e.path] = r
		} else {
			a.routes.named = append(a.routes.named, r)
			a.routes.fixed[strings.TrimSuffix(e.path, "/")] = r // Without a name, which its handler then misses.
		}
	}
	sort.SliceStable(a.routes.named, func(i, j int) bool { return len(a.routes.named[i].path) > len(a.routes.named[j].path) })
	a.routes.other = wrap("other", "/v1/other", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		Refuse(w, errNoRoute.status, errNoRoute.text)
	}))
}

const base = "/v1/"

// Owns reports whether a request is for this dialect, by its path. The one who serves it has to ask before an
// http.ServeMux does, which answers a doubled slash, that names may have, with a redirect.
func Owns(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, base) || r.URL.Path == "/v1" }

// ServeHTTP answers a request that the dialect owns.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, base)
	if route := a.routes.fixed[path]; route != nil {
		route.handler.ServeHTTP(w, r)
		return
	}
	for _, route := range a.routes.named {
		if strings.HasPrefix(path, route.path) {
			route.handler.ServeHTTP(w, r)
			return
		}
	}
	a.routes.other.ServeHTTP(w, r)
}

var allowPolicy = []string{"allow"}

// serve wraps what all endpoints share: methods, readiness, parameters, and the way from an error to an answer.
func (a *API) serve(method, path string, h handler, on when) http.Handler {
	allow := "OPTIONS," + method
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case method:
		case http.MethodOptions:
			w.Header().Set("Allow", allow)
			w.WriteHeader(http.StatusOK)
			return
		default:
			w.Header().Set("Allow", allow)
			Refuse(w, http.StatusMethodNotAllowed, "method "+r.Method+" not allowed")
			return
		}
		w.Header()["X-Consul-Default-Acl-Policy"] = allowPolicy
		if ok, _ := a.node.Ready(); !ok && on != always {
			a.fail(w, r, errNoLeader)
			return
		}
		q, err := a.readQuery(r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		if q.dc != a.dc && !a.knows(q.dc) {
			a.fail(w, r, errNoDatacenter)
			return
		}
		c := &call{w: w, r: r, query: q}
		if full := base + path; len(r.URL.Path) > len(full) {
			c.name = r.URL.Path[len(full):]
		}
		if err := h(c); err != nil {
			a.fail(w, r, err)
		}
	})
}
