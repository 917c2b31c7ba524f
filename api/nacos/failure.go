package nacos

import (
	"errors"
	"net/http"
	"strings"

	"github.com/musterhq/muster"
)

// failure is an error with its answer.
type failure struct {
	status int
	text   string
}

// Error is the text.
func (f *failure) Error() string { return f.text }

func badRequest(text string) error { return &failure{http.StatusBadRequest, text} }

// errNoInstance says that nothing is registered there.
var errNoInstance = &failure{http.StatusNotFound, "no matched ip found!"}

// failureOf is the table from errors to answers; nil for what is not the client's to know.
func failureOf(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &failure{http.StatusRequestEntityTooLarge, "the request body is too large"}
	}
	if invalid, ok := errors.AsType[*muster.InvalidError](err); ok {
		return &failure{http.StatusBadRequest, "instance format invalid: " + faults(invalid)}
	}
	switch {
	case errors.Is(err, muster.ErrNotReady), errors.Is(err, muster.ErrClosed):
		return &failure{http.StatusServiceUnavailable, "server is STARTING now, please try again later!"}
	case errors.Is(err, muster.ErrNotFound):
		return errNoInstance
	default:
		return nil
	}
}

// faults is every field at fault, with what is wrong with it.
func faults(invalid *muster.InvalidError) string {
	parts := make([]string, len(invalid.Fields))
	for i, f := range invalid.Fields {
		parts[i] = f.Field + " " + f.Problem
	}
	return strings.Join(parts, "; ")
}

// statusClientGone is what nginx logs for a client that went away; no standard status says it.
const statusClientGone = 499

// fail answers with what err is, and logs it if it is ours.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := failureOf(err)
	switch {
	case r.Context().Err() != nil:
		w.WriteHeader(statusClientGone) // Seen by no one but the metrics.
		return
	case f == nil:
		a.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "err", err)
		f = &failure{http.StatusInternalServerError, "caused: the request could not be answered;"}
	}
	Refuse(w, f.status, f.text)
}

var plainText = []string{"text/plain; charset=utf-8"}

// Refuse answers with a status and a bare message, as clients of Nacos expect an error.
func Refuse(w http.ResponseWriter, status int, text string) {
	w.Header()["Content-Type"] = plainText
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) //nolint:gosec // Plain text, declared as such; a client that is gone needs no answer.
}
