package eureka

import (
	"errors"
	"net/http"

	"github.com/musterhq/muster"
)

var (
	// errNoOperation says that there is nothing at a path, for its method.
	errNoOperation = errors.New("eureka: there is no such operation")
	// errNoGroups says that there are no autoscaling groups here.
	errNoGroups = errors.New("eureka: this is not AWS, and there are no autoscaling groups")
	// errParameter is wrapped by errors of the query.
	errParameter = errors.New("eureka: a query parameter cannot be taken")
)

// headerReason says in words what a status alone cannot.
const headerReason = "Muster-Reason"

// fail answers with the status that err is. The body is empty, always: Java's clients fail on the body of a 404 and then
// never register again, and others take a body for an answer, whatever the status. The reason is in a header.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := statusOf(err)
	if status == http.StatusInternalServerError && r.Context().Err() == nil {
		a.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "err", err)
		err = errors.New("the request could not be answered") // What it was is for the log.
	}
	Refuse(w, status, err.Error())
}

// Refuse answers with a status, and with the reason where no client looks for an answer.
func Refuse(w http.ResponseWriter, status int, reason string) {
	w.Header()[headerReason] = []string{visible(reason)}
	empty(w, status)
}

// statusOf is the table from errors to statuses.
func statusOf(err error) int {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return http.StatusRequestEntityTooLarge
	}
	if _, ok := errors.AsType[*muster.InvalidError](err); ok {
		return http.StatusBadRequest
	}
	switch {
	case errors.Is(err, errBody), errors.Is(err, errParameter), errors.Is(err, errNoGroups):
		return http.StatusBadRequest
	case errors.Is(err, errEncoding):
		return http.StatusUnsupportedMediaType
	case errors.Is(err, muster.ErrNotFound), errors.Is(err, errNoOperation):
		return http.StatusNotFound
	case errors.Is(err, muster.ErrNotReady), errors.Is(err, muster.ErrClosed):
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

var zeroValue = []string{"0"}

// empty answers with a status and no body, and says so.
func empty(w http.ResponseWriter, status int) {
	if status != http.StatusNoContent { // Which has no body by itself, and must not speak of it.
		w.Header()["Content-Length"] = zeroValue
	}
	w.WriteHeader(status)
}

// visible is text that cannot garble a header: everything but visible ASCII is a question mark, and it has an end.
func visible(s string) string {
	b := []byte(s[:min(len(s), 512)])
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}
