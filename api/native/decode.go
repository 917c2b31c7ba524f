package native

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/musterhq/muster"
)

// body reads a request's body. It has to be declared as JSON, or not at all, or as what curl -d declares without being
// asked.
func (a *API) body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if t := r.Header.Get(headerType); t != "" {
		media, _, err := mime.ParseMediaType(t)
		if err != nil || !isJSON(media) {
			return nil, newProblem(codeMediaType, fmt.Sprintf("the content type is %q", t))
		}
	}
	limited := http.MaxBytesReader(w, r.Body, a.maxBody)
	if n := r.ContentLength; n > 0 && n <= min(a.maxBody, usualBody) {
		body := make([]byte, n)
		_, err := io.ReadFull(limited, body)
		return body, err
	}
	return io.ReadAll(limited)
}

// usualBody is up to which size a body is given its room before it has come.
const usualBody = 16 << 10

func isJSON(media string) bool {
	return media == "application/json" || media == "application/x-www-form-urlencoded" ||
		strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
}

// object checks that a body is a JSON object. The error says what it is instead, or where it is no JSON.
func object(body []byte) error {
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return newProblem(codeMalformed, "the body is empty; it has to be a JSON object")
	case !json.Valid(body):
		var v any
		syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(body, &v))
		if !ok {
			return newProblem(codeMalformed, "the body is not JSON")
		}
		line, column := position(body, syntax.Offset)
		return newProblem(codeMalformed, fmt.Sprintf("line %d, column %d (offset %d): %v", line, column, syntax.Offset, syntax))
	case isNull(body):
		return newProblem(codeMalformed, "the body must be a JSON object, not null")
	case typeName(body) != "an object":
		return newProblem(codeMalformed, "the body must be a JSON object, not "+typeName(body))
	}
	return nil
}

// position is the line and column, from 1, of the last byte that was read before a syntax error.
func position(body []byte, offset int64) (line, column int) {
	read := body[:min(max(offset-1, 0), int64(len(body)))]
	return bytes.Count(read, []byte("\n")) + 1, len(read) - bytes.LastIndexByte(read, '\n')
}

// typeName is what a JSON value is, in words.
func typeName(raw []byte) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return "nothing"
	}
	switch raw[0] {
	case '"':
		return "a string"
	case '{':
		return "an object"
	case '[':
		return "an array"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	default:
		return "a number"
	}
}

func isNull(raw []byte) bool { return string(bytes.TrimSpace(raw)) == "null" }

// decoder reads the members of one object and collects what is wrong with them.
type decoder struct{ fields []Field }

func (d *decoder) bad(field, format string, args ...any) {
	d.fields = append(d.fields, Field{field, fmt.Sprintf(format, args...)})
}

// faulty reports whether something is wrong with that field.
func (d *decoder) faulty(field string) bool {
	return slices.ContainsFunc(d.fields, func(f Field) bool { return f.Field == field })
}

// err is the problem of all fields at fault, nil if there are none.
func (d *decoder) err() error {
	if len(d.fields) == 0 {
		return nil
	}
	return fieldProblem(codeField, d.fields)
}

// each calls take for every member of an object that is not null, in the order of the names. Null counts as not given.
// It reports whether raw, which is valid JSON, is an object.
func each(raw []byte, take func(name string, raw json.RawMessage)) bool {
	var room [usualMembers]member
	members, ok := membersOf(raw, room[:])
	for _, m := range members {
		if !isNull(m.value) {
			take(m.name, m.value)
		}
	}
	return ok
}

func (d *decoder) string(field string, raw json.RawMessage) string {
	s, ok := text(raw)
	if !ok {
		d.bad(field, "must be a string, not %s", typeName(raw))
	}
	return s
}

// text is a JSON string's value; false if raw is another JSON value. Most strings have no escapes and are what they are.
func text(raw json.RawMessage) (s string, ok bool) {
	if n := len(raw) - 1; n > 0 && raw[0] == '"' && raw[n] == '"' && bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw[1:n]), true
	}
	ok = json.Unmarshal(raw, &s) == nil
	return s, ok
}

func (d *decoder) bool(field string, raw json.RawMessage) (v bool) {
	if json.Unmarshal(raw, &v) != nil {
		d.bad(field, "must be true or false, not %s", typeName(raw))
	}
	return v
}

func (d *decoder) int(field string, raw json.RawMessage) int {
	n, err := strconv.Atoi(string(raw)) // raw is JSON, which allows less than Atoi does
	if err != nil {
		what := typeName(raw)
		if what == "a number" {
			what = string(raw)
		}
		d.bad(field, "must be a whole number, not %s", what)
	}
	return n
}

func (d *decoder) duration(field string, raw json.RawMessage) (v time.Duration) {
	s, ok := text(raw)
	if !ok {
		d.bad(field, `must be a duration in a string, as in "30s", not %s`, typeName(raw))
		return 0
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		d.bad(field, `must be a duration with a unit, as in "30s" or "1m30s", not %q`, s)
	}
	return v
}

func (d *decoder) array(field string, raw json.RawMessage, take func(field string, raw json.RawMessage)) {
	items, ok := itemsOf(raw)
	if !ok {
		d.bad(field, "must be an array, not %s", typeName(raw))
	}
	for i, item := range items {
		take(field+"["+strconv.Itoa(i)+"]", item)
	}
}

// texts is an array of strings; the field of one at fault is named with its index. Names are put together only then.
func (d *decoder) texts(field string, raw json.RawMessage) []string {
	items, ok := itemsOf(raw)
	if !ok {
		d.bad(field, "must be an array, not %s", typeName(raw))
		return nil
	}
	list := make([]string, len(items))
	for i, item := range items {
		if list[i], ok = text(item); !ok {
			d.bad(field+"["+strconv.Itoa(i)+"]", "must be a string, not %s", typeName(item))
		}
	}
	return list
}

// pairs is an object of strings; the field of one at fault is named with its key.
func (d *decoder) pairs(field string, raw json.RawMessage) map[string]string {
	m := make(map[string]string, 8) // The least that a map allocates.
	d.object(field, raw, func(key string, raw json.RawMessage) {
		value, ok := text(raw)
		if !ok {
			d.bad(field+"."+key, "must be a string, not %s", typeName(raw))
		}
		m[key] = value
	})
	return m
}

func (d *decoder) object(field string, raw json.RawMessage, take func(name string, raw json.RawMessage)) {
	if !each(raw, take) {
		d.bad(field, "must be an object, not %s", typeName(raw))
	}
}

func (d *decoder) status(field string, raw json.RawMessage) muster.Status {
	name := d.string(field, raw)
	status, err := muster.ParseStatus(name)
	if err != nil && typeName(raw) == "a string" {
		d.bad(field, "must be one of UP, DOWN, STARTING, OUT_OF_SERVICE and UNKNOWN, not %q", name)
	}
	return status
}
