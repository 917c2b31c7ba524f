package consul

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/musterhq/muster"
)

// failure is an error with its answer: clients match on statuses, and some of them on texts.
type failure struct {
	status int
	text   string
}

// Error is the text.
func (f *failure) Error() string { return f.text }

func badRequest(text string) error { return &failure{http.StatusBadRequest, text} }

var (
	errNoLeader      = &failure{http.StatusInternalServerError, "No cluster leader"}
	errNoDatacenter  = &failure{http.StatusInternalServerError, "No path to datacenter"}
	errNoRoute       = &failure{http.StatusNotFound, "Invalid URL path: not a recognized HTTP API endpoint"}
	errNoServiceName = &failure{http.StatusBadRequest, "Missing service name"}
	errTooMany       = &failure{http.StatusTooManyRequests, "Too many queries are waiting already"}
	errScripts       = &failure{http.StatusInternalServerError, "Scripts are disabled on this agent from remote calls; to allow them, start it with the setting for it"}
)

func unknownService(id string) error {
	return &failure{http.StatusNotFound, `Unknown service ID "` + id + `". Ensure that the service ID is passed, not the service name.`}
}

func unknownCheck(id string) error {
	return &failure{http.StatusNotFound, `Unknown check ID "` + id + `". Ensure that the check ID is passed, not the check name.`}
}

func noTTL(id string) error {
	return &failure{http.StatusInternalServerError, `CheckID "` + id + `" does not have associated TTL`}
}

// failureOf is the table from errors to answers; nil for what is not the client's to know.
func failureOf(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &failure{http.StatusRequestEntityTooLarge, "Request body is too large"}
	}
	if invalid, ok := errors.AsType[*muster.InvalidError](err); ok {
		if isScript := func(f muster.FieldError) bool { return strings.HasSuffix(f.Field, "].script") }; slices.ContainsFunc(invalid.Fields, isScript) {
			return errScripts
		}
		return &failure{http.StatusBadRequest, "Invalid service: " + invalid.Error()}
	}
	switch {
	case errors.Is(err, muster.ErrNotReady), errors.Is(err, muster.ErrClosed):
		return errNoLeader
	case errors.Is(err, muster.ErrNotFound):
		return &failure{http.StatusNotFound, "Unknown service ID"}
	default:
		return nil
	}
}

// fail answers with what err is, and logs it if it is ours.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		w.WriteHeader(statusClientGone) // Seen by no one but the metrics.
		return
	}
	f := failureOf(err)
	if f == nil {
		a.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "err", err)
		f = &failure{http.StatusInternalServerError, "The request could not be answered"}
	}
	Refuse(w, f.status, f.text)
}

// statusClientGone is what nginx logs for a client that went away; no standard status says it.
const statusClientGone = 499

// Refuse answers with a status and a bare message.
func Refuse(w http.ResponseWriter, status int, text string) {
	w.Header()["Content-Type"] = plainText
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) //nolint:gosec // Plain text, declared as such; a client that is gone needs no answer.
}

var plainText = []string{"text/plain; charset=utf-8"}
