package eureka

import (
	"net/http"
	"strings"
)

// form is one of the ways in which the registry is written.
type form uint8

// The forms. Compact ones leave out what discovery does not need.
const (
	jsonFull form = iota
	jsonCompact
	xmlFull
	xmlCompact
	forms
)

func (f form) compact() bool { return f == jsonCompact || f == xmlCompact }

func (f form) json() bool { return f == jsonFull || f == jsonCompact }

var (
	jsonType = []string{"application/json"}
	xmlType  = []string{"application/xml"}
)

func (f form) contentType() []string {
	if f.json() {
		return jsonType
	}
	return xmlType
}

// formOf is the form that a client asks for. As at a Eureka server, whoever does not speak of JSON gets XML: Prometheus
// says nothing at all.
func formOf(r *http.Request) form {
	f := xmlFull
	for _, accept := range r.Header["Accept"] {
		if strings.Contains(accept, "json") {
			f = jsonFull
		}
	}
	if strings.EqualFold(r.Header.Get("X-Eureka-Accept"), "compact") {
		f++
	}
	return f
}

// acceptsGzip reports whether the client takes compressed answers.
func acceptsGzip(r *http.Request) bool {
	for _, accept := range r.Header["Accept-Encoding"] {
		if strings.Contains(accept, "gzip") {
			return true
		}
	}
	return false
}

// The instance, and what stands around instances, in each form.

func (f form) appendInstance(b []byte, i *info, action string) []byte {
	switch f {
	case jsonFull:
		return appendJSON(b, i, action)
	case jsonCompact:
		return appendCompactJSON(b, i, action)
	case xmlFull:
		return appendXML(b, i, action)
	default:
		return appendCompactXML(b, i, action)
	}
}

func (f form) appendHead(b []byte, version, hash string, empty bool) []byte {
	if !f.json() {
		b = append(append(b, "<applications><versions__delta>"...), version...)
		b = append(append(b, "</versions__delta><apps__hashcode>"...), hash...)
		return append(b, "</apps__hashcode>"...)
	}
	b = append(append(b, `{"applications":{"versions__delta":"`...), version...)
	b = append(append(b, `","apps__hashcode":"`...), hash...)
	b = append(b, '"')
	if f.compact() {
		b = append(b, `,"registeredApplicationsEmpty":`...)
		if empty {
			b = append(b, "true"...)
		} else {
			b = append(b, "false"...)
		}
	}
	return append(b, `,"application":[`...)
}

func (f form) appendTail(b []byte) []byte {
	if f.json() {
		return append(b, "]}}"...)
	}
	return append(b, "</applications>"...)
}

func (f form) appendAppOpen(b []byte, app string) []byte {
	if f.json() {
		return append(appendString(append(b, `{"name":`...), app), `,"instance":[`...)
	}
	return append(appendEscaped(append(b, "<application><name>"...), app), "</name>"...)
}

func (f form) appendAppClose(b []byte) []byte {
	if f.json() {
		return append(b, "]}"...)
	}
	return append(b, "</application>"...)
}

// appendBetween appends what stands between two instances that follow each other, by their applications. There is none
// before the first.
func (f form) appendBetween(b []byte, before, after string) []byte {
	if before == "" {
		return f.appendAppOpen(b, after)
	}
	if before != after {
		b = f.appendAppClose(b)
		b = f.appendComma(b)
		return f.appendAppOpen(b, after)
	}
	return f.appendComma(b)
}

func (f form) appendComma(b []byte) []byte {
	if f.json() {
		return append(b, ',')
	}
	return b
}

// appendOneOpen and appendOneClose wrap a document that is not the registry, as JSON wants it; XML needs no wrapper.
func (f form) appendOneOpen(b []byte, name string) []byte {
	if !f.json() {
		return b
	}
	return append(append(append(b, `{"`...), name...), `":`...)
}

func (f form) appendOneClose(b []byte) []byte {
	if !f.json() {
		return b
	}
	return append(b, '}')
}
