package native

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/musterhq/muster"
)

// keyOf is the instance that a path names.
func keyOf(r *http.Request, q *query) muster.Key {
	return muster.Key{Namespace: q.namespace, Service: r.PathValue("service"), ID: r.PathValue("id")}
}

// about says which instance is not there.
func about(err error, key muster.Key) error {
	if errors.Is(err, muster.ErrNotFound) {
		return newProblem(codeNotFound, fmt.Sprintf("service %q has no instance %q in namespace %q", key.Service, key.ID, key.Namespace))
	}
	return err
}

// HeartbeatPattern is the path of a renewal.
const HeartbeatPattern = "/api/v1/services/{service}/instances/{id}/heartbeat"

// IsHeartbeat reports whether a request is a renewal of the plain kind: without a query, and with names that no escape
// hides. All others find their way by the mux.
func (a *API) IsHeartbeat(r *http.Request) bool {
	_, plain := plainHeartbeat(r)
	return plain
}

// Heartbeat answers what IsHeartbeat has accepted, as the handler of HeartbeatPattern does.
func (a *API) Heartbeat() http.Handler {
	return a.serve(func(w http.ResponseWriter, r *http.Request) error {
		key, _ := plainHeartbeat(r)
		return a.renew(w, r, key)
	}, false)
}

// plainHeartbeat is the instance that the path of a plain renewal names.
func plainHeartbeat(r *http.Request) (key muster.Key, plain bool) {
	path, ok := strings.CutPrefix(r.URL.Path, "/api/v1/services/")
	if !ok || r.Method != http.MethodPut || r.URL.RawPath != "" || r.URL.RawQuery != "" || r.URL.ForceQuery {
		return key, false
	}
	service, rest, _ := strings.Cut(path, "/")
	rest, ok = strings.CutPrefix(rest, "instances/")
	id, last, _ := strings.Cut(rest, "/")
	if !ok || last != "heartbeat" || !isSegment(service) || !isSegment(id) {
		return key, false
	}
	return muster.Key{Namespace: muster.DefaultNamespace, Service: service, ID: id}, true
}

// isSegment reports whether the mux would take s for a segment of a path as it is: it cleans paths of the others.
func isSegment(s string) bool { return s != "" && s != "." && s != ".." }

// heartbeat renews a lease. It is most of what a registry is asked, so it allocates next to nothing.
func (a *API) heartbeat(w http.ResponseWriter, r *http.Request) error {
	q, err := parseQuery(r, acceptNamespace)
	if err != nil {
		return err
	}
	return a.renew(w, r, keyOf(r, &q))
}

func (a *API) renew(w http.ResponseWriter, r *http.Request, key muster.Key) error {
	if err := a.node.Renew(r.Context(), key); err != nil {
		err = about(err, key)
		if p, ok := errors.AsType[*Problem](err); ok {
			p.Detail += ": register it again"
		}
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// deregister takes an instance out.
func (a *API) deregister(w http.ResponseWriter, r *http.Request) error {
	q, err := parseQuery(r, acceptNamespace)
	if err != nil {
		return err
	}
	key := keyOf(r, &q)
	if err := a.node.Remove(r.Context(), key); err != nil {
		return about(err, key)
	}
	a.setIndex(w.Header(), a.node.Index())
	w.WriteHeader(http.StatusNoContent)
	return nil
}
