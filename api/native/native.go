package native

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster"
)

// Bounds, unless Config says otherwise.
const (
	DefaultMaxBodyBytes = 1 << 20
	DefaultMaxWaiting   = 65536
)

// Config is what an API may be told. The zero Config is good.
type Config struct {
	// Logger gets the errors that are not the client's; nil discards them.
	Logger *slog.Logger
	// MaxBodyBytes bounds a request's body; 0 is DefaultMaxBodyBytes.
	MaxBodyBytes int64
	// MaxWaiting bounds streams and waiting queries together; 0 is DefaultMaxWaiting. One too many is answered 503.
	MaxWaiting int64
	// Closing, when it is done, ends streams and answers waiting queries with what there is, so that a server can shut
	// down without waiting for them. Nil never does.
	Closing context.Context
	// OnLeave makes the node leave and its process end, when a client asks for it. It must return at once. Nil: nobody may
	// ask; a node that is embedded in someone's process is theirs to stop.
	OnLeave func()
	// Doctor is for the search for what is wrong.
	Doctor Doctor
}

// API is the protocol at one node. It holds no state of the registry: it asks the node anew for each request. The zero
// API is not usable: see New.
type API struct {
	node    Node
	log     *slog.Logger
	maxBody int64
	closing context.Context
	onLeave func()

	dc, zone string
	etag     string // tells this node's entity tags from those of others
	// Header values that are the same in every answer, shared by all of them.
	nodeValue, dcValue []string
	indexValue         atomic.Pointer[indexValue]

	// Encoders for muster.View.Memo, made once because a closure for each request would be an allocation.
	encodeService func(*muster.View) []byte
	encodeRow     func(*muster.View) []byte
	latest        atomic.Pointer[encodedEvent]

	waiting gate

	doctor    Doctor
	searching chan struct{} // capacity 1: full while a search for what is wrong is under way; the next one waits
}

// New makes the API of a node.
func New(node Node, cfg Config) *API {
	a := &API{
		node: node, log: cfg.Logger, maxBody: cfg.MaxBodyBytes, closing: cfg.Closing, onLeave: cfg.OnLeave,
		doctor: cfg.Doctor, searching: make(chan struct{}, 1),
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.maxBody <= 0 {
		a.maxBody = DefaultMaxBodyBytes
	}
	if a.closing == nil {
		a.closing = context.Background()
	}
	a.waiting.limit = cfg.MaxWaiting
	if a.waiting.limit <= 0 {
		a.waiting.limit = DefaultMaxWaiting
	}
	a.dc, a.zone = node.Datacenter(), node.Info().Zone
	a.etag = nodeTag(a.dc, node.Name())
	a.nodeValue, a.dcValue = []string{node.Name()}, []string{a.dc}
	a.encodeService = func(v *muster.View) []byte { return a.memoService(v) }
	a.encodeRow = func(v *muster.View) []byte { return a.memoRow(v) }
	return a
}

// handler answers a request or says why it cannot; then it has written nothing.
type handler func(http.ResponseWriter, *http.Request) error

// Mount gives every route of the protocol to handle, as method, pattern and handler of an http.ServeMux.
func (a *API) Mount(handle func(method, pattern string, h http.Handler)) {
	const instance = "/api/v1/services/{service}/instances/{id}"
	for _, r := range []struct {
		method, pattern string
		handler         handler
		always          bool // answered even if the node is not ready: it is about the node, not the registry
	}{
		{"POST", RegistrationPath, a.register, false},
		{"PUT", HeartbeatPattern, a.heartbeat, false},
		{"DELETE", instance, a.deregister, false},
		{"PUT", instance + "/status", a.setStatus, false},
		{"DELETE", instance + "/status", a.clearStatus, false},
		{"PUT", instance + "/checks/{check}", a.report, false},
		{"PATCH", instance + "/metadata", a.patchMetadata, false},
		{"GET", "/api/v1/services", a.listServices, false},
		{"GET", "/api/v1/services/{service}", a.getService, false},
		{"GET", instance, a.getInstance, false},
		{"GET", "/api/v1/watch", a.watch, false},
		{"GET", "/api/v1/records", a.records, false},
		{"GET", "/api/v1/members", a.members, true},
		{"DELETE", "/api/v1/members/{name}", a.forceLeave, true},
		{"POST", "/api/v1/leave", a.leave, true},
		{"GET", "/api/v1/self-preservation", a.selfPreservation, true},
		{"GET", "/api/v1/node", a.info, true},
		{"GET", "/api/v1/doctor", a.diagnose, true},
		{"GET", "/api/v1/events", a.events, true},
		{"POST", "/register", a.shortRegister, false},
		{"PUT", "/heartbeat", a.shortHeartbeat, false},
		{"GET", "/services", a.shortServices, false},
	} {
		handle(r.method, r.pattern, a.serve(r.handler, r.always))
	}
}

// serve wraps what all routes share: who answers, readiness, and the way from an error to a problem document.
func (a *API) serve(h handler, always bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.identify(w.Header())
		if !always {
			if ready, reason := a.node.Ready(); !ready {
				notReady := newProblem(codeNotReady, "this node has not caught up with its peers yet: "+reason)
				notReady.Write(w, r)
				return
			}
		}
		if err := h(w, r); err != nil {
			a.fail(w, r, err)
		}
	})
}

// fail answers with the problem that err is, and logs it if it is ours.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		w.WriteHeader(statusClientGone) // seen by no one but the metrics
		return
	}
	p, ok := errors.AsType[*Problem](err)
	if !ok {
		p = problemOf(err)
	}
	if p.Code == codeInternal {
		a.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	p.Write(w, r)
}

// patience is how long a client may take to accept bytes that are ready for it.
const patience = 30 * time.Second

// statusClientGone is what nginx logs for a client that went away; no standard status says it.
const statusClientGone = 499
