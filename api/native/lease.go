package native

import (
	"errors"
	"fmt"
	"net/http"

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
