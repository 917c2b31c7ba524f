package nacos

import (
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxParams bounds the parameters of a request; the longest list that a client sends has some twenty.
const maxParams = 256

// params are what a request says: its query, then the form in its body. A name that comes twice counts the first time, as
// in a servlet.
type params map[string]string

// readParams reads the query and the body, whatever type the body says it is of.
func (a *API) readParams(w http.ResponseWriter, r *http.Request) (params, error) {
	p := make(params, 16)
	if err := p.add(r.URL.RawQuery); err != nil || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return p, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, a.maxBody))
	if err != nil {
		return p, err
	}
	return p, p.add(string(body))
}

// add reads a form. The client in Go escapes nothing but what it posts: a beat is JSON as it stands, whose metadata may
// hold a semicolon or a lone percent sign, which a strict reader refuses. Only & and = mean anything to the client that
// writes so, and what is no escape stands for itself.
func (p params) add(form string) error {
	for form != "" {
		var pair string
		pair, form, _ = strings.Cut(form, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		if name = unescape(name); name == "" {
			continue
		}
		if _, ok := p[name]; ok {
			continue
		}
		if len(p) == maxParams {
			return badRequest("Too many parameters.")
		}
		p[name] = unescape(value)
	}
	return nil
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// optional is the first of the names that says something beyond blanks, or otherwise.
func (p params) optional(otherwise string, names ...string) string {
	for _, name := range names {
		if value := strings.TrimSpace(p[name]); value != "" {
			return value
		}
	}
	return otherwise
}

// required is a parameter that has to be there.
func (p params) required(name string) (string, error) {
	if value := p.optional("", name); value != "" {
		return value, nil
	}
	return "", badRequest("Param '" + name + "' is required.")
}

// flag is a parameter that is true or false. Clients write true, True and 1.
func (p params) flag(otherwise bool, names ...string) bool {
	switch strings.ToLower(p.optional("", names...)) {
	case "":
		return otherwise
	case "true", "1", "t", "yes", "y", "on":
		return true
	default:
		return false
	}
}
