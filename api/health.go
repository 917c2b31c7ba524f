package api

import (
	_ "embed"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/musterhq/muster/api/native"
)

//go:embed openapi.json
var openAPIDocument []byte

// openAPI answers with the description of all this.
func openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPIDocument) // a client that is gone needs no answer
}

// healthz says that the process is alive. It asks nothing of the node, so that a node with trouble is not killed for it.
func healthz(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok\n") }

// readiness is the answer of readyz.
type readiness struct {
	Ready  bool   `json:"ready"`
	Reason string `json:"reason"`
	// Preserving says that expired instances are kept. Such a node is ready: it is there for such days.
	Preserving bool `json:"preserving"`
}

// readyz says whether the node should get requests. One that is cut off or preserves is ready.
func (s *server) readyz(w http.ResponseWriter, _ *http.Request) {
	var out readiness
	out.Ready, out.Reason = s.node.Ready()
	out.Preserving = s.node.SelfPreservation().Preserving
	body, err := json.Marshal(out)
	if err != nil { // booleans and a string always can be encoded
		text(w, http.StatusInternalServerError, "error\n")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	status := http.StatusOK
	if !out.Ready {
		h.Set("Retry-After", "1")
		status = http.StatusServiceUnavailable
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that is gone needs no answer
}

// front sends a browser to the dashboard and tells everyone else what there is.
func front(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, "/ui/", http.StatusFound)
		return
	}
	text(w, http.StatusOK, `Muster, a service registry.

  POST /register                      {"id":"p1","name":"payments","address":"10.0.0.5:8080","ttl":30}
  PUT  /heartbeat?id=p1               within the ttl, or the instance is evicted
  GET  /services                      what is registered; ?name=payments for its instances
  GET  /api/v1/watch?service=payments what changes, as it happens

  /eureka/...     for clients of Eureka: set defaultZone to http://this-node/eureka/
  /v1/...         for clients of Consul: the address of the agent is this node's
  /nacos/...      for clients of Nacos: the address of the server is this node's
  /api/v1/...     the whole protocol: /openapi.json describes it
  /sd/prometheus  targets for Prometheus (http_sd_configs)
  /ui/            dashboard
  /healthz, /readyz, /metrics
`)
}

// problem explains the problems of one code: what the type of a problem document refers to.
func (s *server) problem(w http.ResponseWriter, r *http.Request) {
	title, advice, status, ok := native.Explain(r.PathValue("code"))
	if !ok {
		s.unknown(w, r)
		return
	}
	text(w, http.StatusOK, title+" ("+http.StatusText(status)+")\n\n"+advice+"\n")
}

func text(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) //nolint:gosec // plain text of our own; a client that is gone needs no answer
}
