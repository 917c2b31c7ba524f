package native

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/musterhq/muster"
)

// members lists the nodes that this one knows.
func (a *API) members(w http.ResponseWriter, r *http.Request) error {
	q, err := parseQuery(r, acceptWAN)
	if err != nil {
		return err
	}
	if q.wan {
		gateways := a.node.Gateways()
		if gateways == nil {
			return newProblem(codeNoWAN, "this node knows the members of its own data centre only: it is no gateway (--wan-bind)")
		}
		return answer(w, struct {
			Members []muster.Member `json:"members"`
		}{gateways})
	}
	return answer(w, struct {
		Members []muster.Member `json:"members"`
	}{orEmpty(a.node.Members())})
}

// forceLeave forgets a failed member at this node.
func (a *API) forceLeave(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseQuery(r, acceptNothing); err != nil {
		return err
	}
	name := r.PathValue("name")
	if err := a.node.ForceLeave(name); err != nil {
		if errors.Is(err, muster.ErrUnknownMember) {
			return newProblem(codeNoMember, fmt.Sprintf("this node knows no member %q", name))
		}
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// leave makes this node leave the cluster in order, and its process end. The answer comes first.
func (a *API) leave(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseQuery(r, acceptNothing); err != nil {
		return err
	}
	if a.onLeave == nil {
		return NoRoute(r.URL.Path)
	}
	err := writeJSON(w, http.StatusAccepted, []byte(`{"leaving":true}`+"\n"))
	a.onLeave()
	return err
}

// selfPreservation says what is kept, and why.
func (a *API) selfPreservation(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseQuery(r, acceptNothing); err != nil {
		return err
	}
	s := a.node.SelfPreservation()
	s.Scopes, s.History, s.Datacenters = orEmpty(s.Scopes), orEmpty(s.History), orEmpty(s.Datacenters)
	return answer(w, s)
}

// info is what the node says of itself.
func (a *API) info(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseQuery(r, acceptNothing); err != nil {
		return err
	}
	i := a.node.Info()
	if i.Catalog.Vector == nil {
		i.Catalog.Vector = map[string]string{}
	}
	return answer(w, i)
}

// records lists the version of every register, for comparing nodes.
func (a *API) records(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseQuery(r, acceptNothing); err != nil {
		return err
	}
	return answer(w, struct {
		Index   muster.Index        `json:"index"`
		Records []muster.RecordInfo `json:"records"`
	}{a.node.Index(), orEmpty(a.node.Records())})
}

// events streams what happens at the node.
func (a *API) events(w http.ResponseWriter, r *http.Request) error {
	q, err := parseQuery(r, acceptSince)
	if err != nil {
		return err
	}
	after, err := resumeAt(r, &q)
	if err != nil {
		return err
	}
	if err := a.waiting.enter(waitEvents); err != nil {
		return err
	}
	defer a.waiting.leave(waitEvents)
	s, ctx := a.openStream(w, r)
	defer s.close()
	for ev := range a.node.Events(ctx, after) {
		data, err := json.Marshal(ev)
		if err != nil {
			return nil // a time that RFC 3339 cannot write; the answer has begun, so the stream ends
		}
		if !s.send(appendEvent(nil, ev.ID, string(ev.Type), data)) {
			return nil
		}
	}
	return nil
}

// answer is 200 with v as JSON.
func answer(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, append(body, '\n'))
}

// orEmpty keeps JSON from saying null for a list.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
