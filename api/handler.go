package api

import (
	"context"
	"log/slog"
	"net/http"

	collector "github.com/prometheus/client_golang/prometheus"

	"github.com/musterhq/muster/api/consul"
	"github.com/musterhq/muster/api/eureka"
	"github.com/musterhq/muster/api/nacos"
	"github.com/musterhq/muster/api/native"
	"github.com/musterhq/muster/api/prometheus"
	"github.com/musterhq/muster/api/ui"
)

// Node is what the protocols need of a node, all of them together: *muster.Node, or a double in tests.
type Node interface {
	consul.Node
	eureka.Node
	nacos.Node
	native.Node
	prometheus.Node
	ui.Node
}

// Config is what a handler may be told. The zero Config is good.
type Config struct {
	// Logger gets what goes wrong on our side; nil discards it.
	Logger *slog.Logger
	// MaxBodyBytes bounds a request's body; 0 is 1 MiB.
	MaxBodyBytes int64
	// MaxWaiting bounds streams and waiting queries, all together; 0 is 65,536. One too many is answered 503.
	MaxWaiting int64
	// Closing, when it is done, ends streams and answers waiting queries, so that a server can shut down without waiting
	// for them. Nil never does.
	Closing context.Context
	// OnLeave makes the node leave and its process end, when a client asks for it by POST /api/v1/leave. It must return at
	// once. Nil: the request is answered 404, because an embedded node is its program's to stop.
	OnLeave func()
	// Doctor is for GET /api/v1/doctor: how other members are asked, and the certificate that this handler is served with.
	Doctor native.Doctor
	// Collectors are more metrics for /metrics: those of what is served beside HTTP. Their names must not be used here.
	Collectors []collector.Collector
}

// Handler is NewHandler with the zero Config.
func Handler(node Node) http.Handler { return NewHandler(node, Config{}) }

// NewHandler serves node: every protocol, health, metrics, dashboard.
func NewHandler(node Node, cfg Config) http.Handler { return newServer(node, cfg) }

// server is the handler: a mux, and around it what all routes share.
type server struct {
	node   Node
	mux    *http.ServeMux
	consul *consul.API
	eureka *eureka.API
	nacos  *nacos.API
	native *native.API
	// heartbeat and registration are the handlers of what is asked most, which gets there without the mux.
	heartbeat, registration http.Handler
	log                     *slog.Logger
	ids                     *requestIDs
	origins                 *http.CrossOriginProtection
	metrics                 *metrics
	routes                  []route
}

// route is a path of the mux. Its pattern is its name in metrics.
type route struct{ method, pattern string }

func newServer(node Node, cfg Config) *server {
	s := &server{
		node: node, mux: http.NewServeMux(), log: cfg.Logger, ids: newRequestIDs(),
		origins: http.NewCrossOriginProtection(),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	nat := native.New(node, native.Config{
		Logger: s.log, MaxBodyBytes: cfg.MaxBodyBytes, MaxWaiting: cfg.MaxWaiting, Closing: cfg.Closing, OnLeave: cfg.OnLeave,
		Doctor: cfg.Doctor,
	})
	s.metrics = newMetrics(node, nat.Waiting)
	s.metrics.registry.MustRegister(cfg.Collectors...)
	s.native = nat
	nat.Mount(s.handle)
	s.heartbeat = s.instrument("PUT", native.HeartbeatPattern, nat.Heartbeat())
	s.registration = s.instrument("POST", native.RegistrationPath, nat.Registration())
	s.eureka = eureka.New(node, eureka.Config{Logger: s.log, MaxBodyBytes: cfg.MaxBodyBytes})
	s.eureka.Mount(s.instrument)
	s.consul = consul.New(node, consul.Config{
		Logger: s.log, MaxBodyBytes: cfg.MaxBodyBytes, Closing: cfg.Closing, Enter: nat.EnterPoll, Leave: nat.LeavePoll,
	})
	s.consul.Mount(s.instrument)
	s.nacos = nacos.New(node, nacos.Config{Logger: s.log, MaxBodyBytes: cfg.MaxBodyBytes})
	s.nacos.Mount(s.instrument)
	prometheus.New(node).Mount(s.handle)
	ui.New(node).Mount(s.handle)
	s.handle("GET", "/healthz", http.HandlerFunc(healthz))
	s.handle("GET", "/readyz", http.HandlerFunc(s.readyz))
	s.handle("GET", "/metrics", s.metrics.handler(s.log))
	s.handle("GET", "/openapi.json", http.HandlerFunc(openAPI))
	s.handle("GET", "/problems/{code}", http.HandlerFunc(s.problem))
	s.handle("GET", "/{$}", http.HandlerFunc(front))
	s.mux.Handle("/", s.instrument("other", "other", http.HandlerFunc(s.unknown)))
	return s
}

// handle adds a route.
func (s *server) handle(method, pattern string, h http.Handler) {
	s.routes = append(s.routes, route{method, pattern})
	s.mux.Handle(method+" "+pattern, s.instrument(method, pattern, h))
}

// unknown answers what no route does: 405 if other methods have one, else 404.
func (s *server) unknown(w http.ResponseWriter, r *http.Request) {
	allowed := ""
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := s.mux.Handler(other); pattern != "/" && pattern != "" && method != r.Method {
			if allowed != "" {
				allowed += ", "
			}
			allowed += method
		}
	}
	if allowed == "" {
		native.NoRoute(r.URL.Path).Write(w, r)
		return
	}
	w.Header().Set("Allow", allowed)
	native.MethodNotAllowed(r.Method, r.URL.Path).Write(w, r)
}
