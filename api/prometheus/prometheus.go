package prometheus

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"

	"github.com/musterhq/muster"
)

// Node is what this package needs of a node. All methods are safe for any number of goroutines.
type Node interface {
	// Ready says whether answers are complete, and why not.
	Ready() (ready bool, reason string)
	// Datacenter is the node's data centre.
	Datacenter() string
	// Services lists those that have instances.
	Services() *muster.Overview
}

// API is the discovery at one node. It holds no state of the registry. The zero API is not usable: see New.
type API struct{ node Node }

// New makes the API of a node.
func New(node Node) *API { return &API{node: node} }

// Mount gives the route to handle, as method, pattern and handler of an http.ServeMux.
func (a *API) Mount(handle func(method, pattern string, h http.Handler)) {
	handle("GET", "/sd/prometheus", http.HandlerFunc(a.discover))
}

func (a *API) discover(w http.ResponseWriter, r *http.Request) {
	if ready, reason := a.node.Ready(); !ready {
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, "this node has not caught up with its peers yet: "+reason)
		return
	}
	f, problem := parse(r.URL.RawQuery, a.node.Datacenter())
	if problem != "" {
		refuse(w, http.StatusBadRequest, problem)
		return
	}
	body := a.groups(f)
	sum := sha256.Sum256(body)
	etag := `"` + hex.EncodeToString(sum[:12]) + `"`
	h := w.Header()
	h["Etag"] = []string{etag}
	h["Cache-Control"] = []string{"no-cache"}
	if holds(r, etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	_, _ = w.Write(body) // a client that is gone needs no answer
}

// groups is the list of those that f chooses.
func (a *API) groups(f *filter) []byte {
	b := []byte{'['}
	for _, view := range a.node.Services().Services {
		if !f.wants(view.Namespace(), view.Service()) {
			continue
		}
		for inst := range view.All() {
			if !f.chooses(inst) {
				continue
			}
			if len(b) > 1 {
				b = append(b, ',', '\n')
			}
			b = appendGroup(b, inst)
		}
	}
	return append(b, ']', '\n')
}

// refuse answers in plain text: Prometheus logs the status and looks at nothing else.
func refuse(w http.ResponseWriter, status int, why string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(why + "\n")) //nolint:gosec // plain text, and declared as that; a client that is gone needs no answer
}

// holds reports whether the client has the answer with that entity tag. As RFC 9110 has it for If-None-Match, the
// comparison is a weak one, and * matches anything.
func holds(r *http.Request, etag string) bool {
	for _, held := range r.Header["If-None-Match"] {
		for one := range strings.SplitSeq(held, ",") {
			if one = strings.TrimPrefix(strings.TrimSpace(one), "W/"); one == etag || one == "*" {
				return true
			}
		}
	}
	return false
}
