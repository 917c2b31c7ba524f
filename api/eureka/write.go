package eureka

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"github.com/musterhq/muster"
)

// isReplication reports whether a request comes from a Eureka server that passes on what its client said.
func isReplication(r *http.Request) bool {
	return r.Header.Get("X-Netflix-Discovery-Replication") == "true"
}

// register takes a registration.
func (a *API) register(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(w, r, a.maxBody)
	if err != nil {
		return err
	}
	i, err := decode(r, body)
	if err != nil {
		return err
	}
	if err := i.finish(r.PathValue("app")); err != nil {
		return err
	}
	if err := a.put(r, &i, isReplication(r)); err != nil {
		return err
	}
	empty(w, http.StatusNoContent)
	return nil
}

// put registers an instance, unless a newer registration of it is there, by the client's clock: then that one is renewed.
func (a *API) put(r *http.Request, i *info, replicated bool) error {
	inst := i.instance()
	source := ""
	if replicated {
		source = sourcePeer
	}
	if old := a.find(i.app, i.id); old != nil {
		inst.Service = old.Service
		dirty, known := dirtyOf(old)
		cleared := old.Attributes[attrCleared] != ""
		older := known && i.dirty != 0 && i.dirty < dirty
		// What a peer repeats changes nothing; writing it again would take the lease from the node that has it.
		repeated := replicated && known && i.dirty == dirty && sameRegistration(&inst, old)
		if !cleared && (older || repeated) {
			return a.node.Renew(r.Context(), old.Key())
		}
		switch {
		case !FromPeer(old): // One that registered here itself is this registry's, whoever else repeats it.
			source = old.Attributes[attrSource]
		case !replicated:
			source = sourceMoved
		}
	}
	if source != "" {
		inst.Attributes = withAttribute(inst.Attributes, attrSource, source)
	}
	stored, _, err := a.node.Put(r.Context(), inst)
	if err != nil || !replicated || i.override == muster.StatusNone || i.override == stored.Override {
		return err
	}
	// A decision that an operator made at the peer.
	_, err = a.node.SetOverride(r.Context(), stored.Key(), i.override, "")
	return err
}

// sameRegistration reports whether a client that said one would have said the other.
func sameRegistration(inst, old *muster.Instance) bool {
	own := func(key, _ string) bool { return key == attrSource || key == attrCleared }
	said, stored := maps.Clone(inst.Attributes), maps.Clone(old.Attributes)
	maps.DeleteFunc(said, own)
	maps.DeleteFunc(stored, own)
	return inst.Status == effective(old) && inst.Address == old.Address && inst.Port == old.Port && inst.Secure == old.Secure &&
		inst.TTL == old.TTL && maps.Equal(inst.Ports, old.Ports) && maps.Equal(inst.Metadata, old.Metadata) && maps.Equal(said, stored)
}

func withAttribute(m map[string]string, key, value string) map[string]string {
	if m = maps.Clone(m); m == nil {
		m = make(map[string]string, 1)
	}
	m[key] = value
	return m
}

// errOlder says that a peer's client has an older registration than the one here, which the peer is to take.
var errOlder = errors.New("eureka: a newer registration is here")

// heartbeat renews a lease. Its body, if there is one, says nothing.
func (a *API) heartbeat(w http.ResponseWriter, r *http.Request) error {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fmt.Errorf("%w: %w", errParameter, err)
	}
	dirty := int64(0)
	if text := q.Get("lastDirtyTimestamp"); text != "" {
		if dirty, err = strconv.ParseInt(text, 10, 64); err != nil {
			return fmt.Errorf("%w: lastDirtyTimestamp is %.20q", errParameter, text)
		}
	}
	inst, err := a.renew(r, r.PathValue("app"), r.PathValue("id"), dirty)
	switch {
	case errors.Is(err, errOlder) && isReplication(r):
		return a.writeInstance(w, r, http.StatusConflict, inst)
	case err != nil && !errors.Is(err, errOlder):
		return err
	case FromPeer(inst) && !isReplication(r):
		if err := a.claim(r.Context(), inst); err != nil {
			return err
		}
	}
	empty(w, http.StatusOK)
	return nil
}

// renew renews a lease. muster.ErrNotFound makes the client register again: there is no such instance, or it has another
// registration than its client, or nobody knows its status. errOlder: it is the client who has an older one.
func (a *API) renew(r *http.Request, app, id string, dirty int64) (*muster.Instance, error) {
	inst := a.find(app, id)
	if inst == nil || inst.Attributes[attrCleared] != "" {
		return nil, muster.ErrNotFound
	}
	if err := a.node.Renew(r.Context(), inst.Key()); err != nil {
		return nil, err
	}
	stored, known := dirtyOf(inst)
	switch {
	case !known || dirty == 0 || dirty == stored:
		return inst, nil
	case dirty > stored:
		return nil, muster.ErrNotFound
	default:
		return inst, errOlder
	}
}

// cancel takes an instance out.
func (a *API) cancel(w http.ResponseWriter, r *http.Request) error {
	if err := a.remove(r, r.PathValue("app"), r.PathValue("id")); err != nil {
		return err
	}
	empty(w, http.StatusOK)
	return nil
}

func (a *API) remove(r *http.Request, app, id string) error {
	inst := a.find(app, id)
	if inst == nil {
		return muster.ErrNotFound
	}
	return a.node.Remove(r.Context(), inst.Key())
}

// setStatus puts an operator's decision in place of what the instance says of itself.
func (a *API) setStatus(w http.ResponseWriter, r *http.Request) error {
	status, err := statusParameter(r)
	if err != nil {
		return err
	}
	if err := a.override(r, r.PathValue("app"), r.PathValue("id"), status); err != nil {
		return err
	}
	empty(w, http.StatusOK)
	return nil
}

// statusParameter is the value of a query that has to be a status.
func statusParameter(r *http.Request) (muster.Status, error) {
	value := r.URL.Query().Get("value")
	status, err := muster.ParseStatus(value)
	if err != nil {
		return status, fmt.Errorf("%w: value is %.20q, not a status", errParameter, value)
	}
	return status, nil
}

// override writes the decision. It renews the lease too: whoever decides about an instance takes it for alive.
func (a *API) override(r *http.Request, app, id string, status muster.Status) error {
	inst := a.find(app, id)
	if inst == nil {
		return muster.ErrNotFound
	}
	if status == muster.StatusUnknown { // Which is how Eureka says that there is none.
		status = muster.StatusNone
	}
	if _, err := a.node.SetOverride(r.Context(), inst.Key(), status, ""); err != nil {
		return err
	}
	return a.node.Renew(r.Context(), inst.Key())
}

// clearStatus takes the decision back. The client says what the status is from then on, and if it does not, nobody knows:
// the instance is UNKNOWN until its client, whose next heartbeat is answered 404, registers again.
func (a *API) clearStatus(w http.ResponseWriter, r *http.Request) error {
	status := muster.StatusUnknown
	if r.URL.Query().Has("value") {
		var err error
		if status, err = statusParameter(r); err != nil {
			return err
		}
	}
	if err := a.clearOverride(r, r.PathValue("app"), r.PathValue("id"), status); err != nil {
		return err
	}
	empty(w, http.StatusOK)
	return nil
}

func (a *API) clearOverride(r *http.Request, app, id string, status muster.Status) error {
	inst := a.find(app, id)
	if inst == nil {
		return muster.ErrNotFound
	}
	if inst.Override == muster.StatusNone {
		return a.node.Renew(r.Context(), inst.Key())
	}
	if _, err := a.node.SetOverride(r.Context(), inst.Key(), muster.StatusNone, ""); err != nil {
		return err
	}
	if status == inst.Reported() && status != muster.StatusUnknown {
		return a.node.Renew(r.Context(), inst.Key())
	}
	next := inst.Clone()
	next.Status, next.Override = status, muster.StatusNone
	delete(next.Attributes, attrCleared)
	if status == muster.StatusUnknown {
		next.Attributes = withAttribute(next.Attributes, attrCleared, "true")
	}
	_, _, err := a.node.Put(r.Context(), *next)
	return err
}

// setMetadata sets metadata: every parameter is a key, its first value the value.
func (a *API) setMetadata(w http.ResponseWriter, r *http.Request) error {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fmt.Errorf("%w: %w", errParameter, err)
	}
	inst := a.find(r.PathValue("app"), r.PathValue("id"))
	if inst == nil {
		return muster.ErrNotFound
	}
	patch := make(map[string]*string, len(q))
	for key, values := range q {
		patch[key] = &values[0]
	}
	if _, err := a.node.PatchMetadata(r.Context(), inst.Key(), patch); err != nil {
		return err
	}
	empty(w, http.StatusOK)
	return nil
}

// setGroupStatus answers as a Eureka server does outside AWS.
func (a *API) setGroupStatus(http.ResponseWriter, *http.Request) error { return errNoGroups }
