package native

import (
	"net/http"

	"github.com/musterhq/muster"
)

// setStatus puts an operator's decision in place of what the instance says of itself.
func (a *API) setStatus(w http.ResponseWriter, r *http.Request) error {
	body, err := a.object(w, r)
	if err != nil {
		return err
	}
	status, reason, err := decodeStatus(body)
	if err != nil {
		return err
	}
	return a.override(w, r, status, reason)
}

// clearStatus takes the decision back.
func (a *API) clearStatus(w http.ResponseWriter, r *http.Request) error {
	return a.override(w, r, muster.StatusNone, "")
}

func (a *API) override(w http.ResponseWriter, r *http.Request, status muster.Status, reason string) error {
	q, err := parseQuery(r, acceptNamespace)
	if err != nil {
		return err
	}
	key := keyOf(r, &q)
	detail, err := a.node.SetOverride(r.Context(), key, status, reason)
	if err != nil {
		return about(err, key)
	}
	return a.answerInstance(w, http.StatusOK, detail)
}

func decodeStatus(body string) (status muster.Status, reason string, err error) {
	var d decoder
	each(body, func(name string, raw string) {
		switch name {
		case "status":
			status = d.status(name, raw)
		case "reason":
			reason = d.string(name, raw)
		default:
			d.bad(name, "is not a field of a status override")
		}
	})
	if status == muster.StatusNone && !d.faulty("status") {
		d.bad("status", "is required")
	}
	return status, reason, d.err()
}

// patchMetadata changes metadata by a JSON merge patch: a string sets a key, null removes it.
func (a *API) patchMetadata(w http.ResponseWriter, r *http.Request) error {
	q, err := parseQuery(r, acceptNamespace)
	if err != nil {
		return err
	}
	body, err := a.object(w, r)
	if err != nil {
		return err
	}
	patch, err := decodePatch(body)
	if err != nil {
		return err
	}
	key := keyOf(r, &q)
	detail, err := a.node.PatchMetadata(r.Context(), key, patch)
	if err != nil {
		return about(err, key)
	}
	return a.answerInstance(w, http.StatusOK, detail)
}

func decodePatch(body string) (map[string]*string, error) {
	var d decoder
	members, _ := membersOf(body, nil)
	patch := make(map[string]*string, len(members))
	for _, m := range members {
		if isNull(m.value) {
			patch[m.name] = nil
			continue
		}
		value := d.string("metadata."+m.name, m.value)
		patch[m.name] = &value
	}
	return patch, d.err()
}
