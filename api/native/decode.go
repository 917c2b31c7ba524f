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

// object reads a request's body, which has to be a JSON object. It has to be declared as JSON, or not at all, or as what
// curl -d declares without being asked.
func (a *API) object(w http.ResponseWriter, r *http.Request) (string, error) {
	if t := r.Header.Get(headerType); t != "" && t != jsonValue[0] {
		media, _, err := mime.ParseMediaType(t)
		if err != nil || !isJSON(media) {
			return "", newProblem(codeMediaType, fmt.Sprintf("the content type is %q", t))
		}
	}
	limited := http.MaxBytesReader(w, r.Body, a.maxBody)
	if n := r.ContentLength; n <= 0 || n > min(a.maxBody, usualBody) {
		body, err := io.ReadAll(limited)
		if err != nil {
			return "", err
		}
		return object(body)
	}
	b := bodies.Get().(*[]byte) //nolint:errcheck,forcetypeassert // There is nothing else in it.
	defer bodies.Put(b)
	*b = slices.Grow((*b)[:0], int(r.ContentLength))[:r.ContentLength]
	if _, err := io.ReadFull(limited, *b); err != nil {
		return "", err
	}
	return object(*b)
}

// usualBody is up to which size a body is given its room before it has come.
const usualBody = 16 << 10

func isJSON(media string) bool {
	return media == "application/json" || media == "application/x-www-form-urlencoded" ||
		strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
}

// object is a body that is a JSON object. The error says what it is instead, or where it is no JSON.
func object(body []byte) (string, error) {
	if !json.Valid(body) {
		if len(bytes.TrimSpace(body)) == 0 {
			return "", newProblem(codeMalformed, "the body is empty; it has to be a JSON object")
		}
		var v any
		syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(body, &v))
		if !ok {
			return "", newProblem(codeMalformed, "the body is not JSON")
		}
		line, column := position(body, syntax.Offset)
		return "", newProblem(codeMalformed, fmt.Sprintf("line %d, column %d (offset %d): %v", line, column, syntax.Offset, syntax))
	}
	src := string(body)
	switch {
	case isNull(src):
		return "", newProblem(codeMalformed, "the body must be a JSON object, not null")
	case typeName(src) != "an object":
		return "", newProblem(codeMalformed, "the body must be a JSON object, not "+typeName(src))
	}
	return src, nil
}

// position is the line and column, from 1, of the last byte that was read before a syntax error.
func position(body []byte, offset int64) (line, column int) {
	read := body[:min(max(offset-1, 0), int64(len(body)))]
	return bytes.Count(read, []byte("\n")) + 1, len(read) - bytes.LastIndexByte(read, '\n')
}

// typeName is what a JSON value is, in words.
func typeName(raw string) string {
	raw = strings.TrimSpace(raw)
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

func isNull(raw string) bool { return strings.TrimSpace(raw) == "null" }

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
func each(raw string, take func(name string, raw string)) bool {
	var room [usualMembers]member
	members, ok := membersOf(raw, room[:])
	for _, m := range members {
		if !isNull(m.value) {
			take(m.name, m.value)
		}
	}
	return ok
}

// string is a string to keep: it does not hold the rest of the body in memory.
func (d *decoder) string(field string, raw string) string {
	s, ok := text(raw)
	if !ok {
		d.bad(field, "must be a string, not %s", typeName(raw))
	}
	return strings.Clone(s)
}

// text is a JSON string's value; false if raw is another JSON value. Most strings have no escapes: those are a part of the
// body, and hold all of it in memory.
func text(raw string) (s string, ok bool) {
	if n := len(raw) - 1; n > 0 && raw[0] == '"' && raw[n] == '"' && strings.IndexByte(raw, '\\') < 0 && utf8.ValidString(raw) {
		return raw[1:n], true
	}
	ok = json.Unmarshal([]byte(raw), &s) == nil
	return s, ok
}

func (d *decoder) bool(field string, raw string) (v bool) {
	if json.Unmarshal([]byte(raw), &v) != nil {
		d.bad(field, "must be true or false, not %s", typeName(raw))
	}
	return v
}

func (d *decoder) int(field string, raw string) int {
	n, err := strconv.Atoi(raw) // raw is JSON, which allows less than Atoi does
	if err != nil {
		what := typeName(raw)
		if what == "a number" {
			what = raw
		}
		d.bad(field, "must be a whole number, not %s", what)
	}
	return n
}

func (d *decoder) duration(field string, raw string) (v time.Duration) {
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

func (d *decoder) array(field string, raw string, take func(field string, raw string)) {
	items, ok := itemsOf(raw)
	if !ok {
		d.bad(field, "must be an array, not %s", typeName(raw))
	}
	for i, item := range items {
		take(field+"["+strconv.Itoa(i)+"]", item)
	}
}

// texts is an array of strings; the field of one at fault is named with its index. Names are put together only then. The
// strings are parts of the body: the tags of a fleet are alike, and the catalog keeps those of the first.
func (d *decoder) texts(field string, raw string) []string {
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

// pairs is an object of strings, which are parts of the body as those of texts; the field of one at fault is named with its
// key.
func (d *decoder) pairs(field string, raw string) map[string]string {
	m := make(map[string]string, 8) // The least that a map allocates.
	d.object(field, raw, func(key string, raw string) {
		value, ok := text(raw)
		if !ok {
			d.bad(field+"."+key, "must be a string, not %s", typeName(raw))
		}
		m[key] = value
	})
	return m
}

func (d *decoder) object(field string, raw string, take func(name string, raw string)) {
	if !each(raw, take) {
		d.bad(field, "must be an object, not %s", typeName(raw))
	}
}

func (d *decoder) status(field string, raw string) muster.Status {
	name := d.string(field, raw)
	status, err := muster.ParseStatus(name)
	if err != nil && typeName(raw) == "a string" {
		d.bad(field, "must be one of UP, DOWN, STARTING, OUT_OF_SERVICE and UNKNOWN, not %q", name)
	}
	return status
}
