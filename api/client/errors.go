package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

var (
	// ErrUnavailable says that no node answered. What the cache holds is served all the same; a request may be repeated.
	// Whether a write took place is not known.
	ErrUnavailable = errors.New("client: no node answers")
	// ErrNotFound says that no such instance is registered.
	ErrNotFound = errors.New("client: no such instance")
	// ErrInvalid says that the registry refuses what was sent; the *Error in the chain names the fields. Nothing changed.
	ErrInvalid = errors.New("client: refused as invalid")
	// ErrDenied says that the token does not allow it, or that there is none. Nothing changed.
	ErrDenied = errors.New("client: not allowed")
	// ErrTooMany says that Config.MaxServices services are followed already.
	ErrTooMany = errors.New("client: too many services")
	// ErrClosed says that the client has been closed.
	ErrClosed = errors.New("client: closed")
)

// errFault is what is wrong with a node that did not answer as one.
var errFault = errors.New("client: the node is at fault")

// Error is the answer of a node that refuses, as in RFC 9457. It is one of ErrNotFound, ErrInvalid and ErrDenied, if it
// means that, for errors.Is.
type Error struct {
	// Status is the HTTP status.
	Status int `json:"-"`
	// Code is what to branch on, such as "invalid-field"; empty if somebody in between answered.
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	// Fields are those at fault.
	Fields []FieldError `json:"fields"`
}

// FieldError says what is wrong with one field.
type FieldError struct {
	Field   string `json:"field"`
	Problem string `json:"problem"`
}

// Error is the status, the title and the detail.
func (e *Error) Error() string {
	said := []string{"client: refused with status " + http.StatusText(e.Status)}
	for _, s := range []string{e.Title, e.Detail} {
		if s != "" {
			said = append(said, s)
		}
	}
	return strings.Join(said, ": ")
}

// Is makes an Error one of the sentinels.
func (e *Error) Is(target error) bool {
	switch e.Status {
	case http.StatusNotFound:
		return target == ErrNotFound
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return target == ErrInvalid
	case http.StatusUnauthorized, http.StatusForbidden:
		return target == ErrDenied
	}
	return false
}

// refusal is the error of an answer that is not 2xx. A body that is no problem document has nothing to add.
func refusal(status int, body []byte) *Error {
	e := &Error{}
	if json.Unmarshal(body, e) != nil {
		e = &Error{}
	}
	e.Status = status
	return e
}

// unavailable is the error of a request that no node answered, each with its reason.
func unavailable(causes []error) error {
	if len(causes) == 0 {
		return fmt.Errorf("%w: all of them failed a moment ago", ErrUnavailable)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, errors.Join(causes...))
}
