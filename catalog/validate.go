package catalog

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of what a registration may hold. They keep a record far below a stream's chunk, and most below a packet.
const (
	MaxNameBytes   = 255      // namespace, service, id, address, zone, port name, tag
	MaxTags        = 64       // tags, and ports
	MaxMetadata    = 64       // metadata pairs
	MaxAttributes  = 64       // attributes
	MaxValueBytes  = 1 << 10  // one metadata or attribute value, one check target
	MaxRecordBytes = 16 << 10 // all strings of a registration together
	MaxChecks      = 16
	MinTTL         = time.Second
	MaxTTL         = 24 * time.Hour
	DefaultTTL     = 30 * time.Second
	DefaultWeight  = 100
)

// DefaultNamespace is the namespace of those who name none.
const DefaultNamespace = "default"

// FieldError says what is wrong with one field.
type FieldError struct {
	// Field is the field's name in the API's JSON form, such as "port" or "checks[0].http".
	Field string
	// Problem completes the sentence "field ...": "is required", "must be 1 to 65535, not 70000".
	Problem string
}

// InvalidError is the error of a registration that cannot be taken: every field at fault. Nothing has been changed.
type InvalidError struct{ Fields []FieldError }

// Error lists all fields with what is wrong with them.
func (e *InvalidError) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Field + " " + f.Problem
	}
	return "catalog: invalid instance: " + strings.Join(parts, "; ")
}

// Complete fills what a client may leave out (namespace, id, TTL, weight, status) and validates the rest. The error is
// an *InvalidError that lists every field at fault; the instance may then be partly filled.
func (i *Instance) Complete() error {
	if i.Namespace == "" {
		i.Namespace = DefaultNamespace
	}
	if i.ID == "" && i.Service != "" && i.Address != "" && i.Port != 0 {
		i.ID = i.Service + "-" + i.Address + "-" + strconv.Itoa(i.Port)
	}
	if i.TTL == 0 {
		i.TTL = DefaultTTL
	}
	if i.Weight == 0 {
		i.Weight = DefaultWeight
	}
	if i.Status == StatusNone {
		i.Status = StatusUp
	}
	i.completeChecks()
	return i.validate()
}

func (i *Instance) validate() error {
	var v validator
	v.name("namespace", i.Namespace, true)
	v.name("service", i.Service, true)
	v.name("address", i.Address, true)
	if i.Address != "" && strings.ContainsAny(i.Address, "/ ") {
		v.bad("address", "must be a host name or an IP address without scheme, port or path, not %q", i.Address)
	} else if strings.Contains(i.Address, ":") && hasPort(i.Address) {
		v.bad("address", "must not hold a port, as in %q: give it in port", i.Address)
	}
	switch {
	case i.Port == 0 && !i.Permanent:
		v.bad("port", "is required")
	case i.Port < 0 || i.Port > 65535:
		v.bad("port", "must be 1 to 65535, not %d", i.Port)
	}
	if i.ID != "" || i.Service != "" && i.Address != "" && i.Port != 0 {
		v.name("id", i.ID, true)
	}
	v.name("zone", i.Zone, false)
	if i.Weight < 1 || i.Weight > 65535 {
		v.bad("weight", "must be 1 to 65535, not %d", i.Weight)
	}
	if i.TTL < MinTTL || i.TTL > MaxTTL {
		v.bad("ttl", "must be %v to %v, not %v", MinTTL, MaxTTL, i.TTL)
	}
	v.count("tags", len(i.Tags), MaxTags)
	for n, tag := range i.Tags {
		if isName(tag) { // Names of fields are put together only for those at fault.
			v.bytes += len(tag)
			continue
		}
		v.name("tags["+strconv.Itoa(n)+"]", tag, true)
	}
	v.count("ports", len(i.Ports), MaxTags)
	var room [16]string
	for _, name := range sortedKeys(i.Ports, room[:0]) {
		v.name("ports", name, true)
		if port := i.Ports[name]; port < 1 || port > 65535 {
			v.bad("ports."+name, "must be 1 to 65535, not %d", port)
		}
	}
	v.count("metadata", len(i.Metadata), MaxMetadata)
	v.texts("metadata", i.Metadata)
	v.count("attributes", len(i.Attributes), MaxAttributes)
	v.texts("attributes", i.Attributes)
	v.count("checks", len(i.Checks), MaxChecks)
	for n := range i.Checks {
		v.check("checks["+strconv.Itoa(n)+"]", &i.Checks[n])
		if slices.ContainsFunc(i.Checks[:n], func(c Check) bool { return c.ID == i.Checks[n].ID }) {
			v.bad("checks["+strconv.Itoa(n)+"].id", "is that of another check too: %q", i.Checks[n].ID)
		}
	}
	if v.bytes > MaxRecordBytes {
		v.bad("metadata", "and all other text together must be at most %d bytes, not %d", MaxRecordBytes, v.bytes)
	}
	if v.fields == nil {
		return nil
	}
	return &InvalidError{Fields: v.fields}
}

func hasPort(address string) bool {
	_, err := netip.ParseAddrPort(address)
	return err == nil
}

type validator struct {
	fields []FieldError
	bytes  int
}

func (v *validator) bad(field, format string, args ...any) {
	v.fields = append(v.fields, FieldError{Field: field, Problem: fmt.Sprintf(format, args...)})
}

func (v *validator) name(field, s string, required bool) {
	if s == "" && required {
		v.bad(field, "is required")
	}
	v.text(field, s, MaxNameBytes)
	if strings.IndexFunc(s, unicode.IsControl) >= 0 {
		v.bad(field, "must not hold control characters")
	}
}

func (v *validator) text(field, s string, limit int) {
	v.bytes += len(s)
	if len(s) > limit {
		v.bad(field, "must be at most %d bytes, not %d", limit, len(s))
	}
	if !utf8.ValidString(s) {
		v.bad(field, "must be valid UTF-8")
	}
}

// isName reports whether name has nothing to say about s.
func isName(s string) bool {
	return s != "" && len(s) <= MaxNameBytes && utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}

// texts checks a map of names to values, in order if there is something to say about it.
func (v *validator) texts(field string, m map[string]string) {
	bytes, good := 0, true
	for key, value := range m {
		bytes += len(key) + len(value)
		good = good && isName(key) && len(value) <= MaxValueBytes && utf8.ValidString(value)
	}
	if good {
		v.bytes += bytes
		return
	}
	for _, key := range sortedKeys(m, nil) {
		v.name(field, key, true)
		v.text(field+"."+key, m[key], MaxValueBytes)
	}
}

func (v *validator) count(field string, n, limit int) {
	if n > limit {
		v.bad(field, "must be at most %d, not %d", limit, n)
	}
}

// sortedKeys is the keys of a map in their order, in the room that is given if that is enough.
func sortedKeys[V any](m map[string]V, room []string) []string {
	for key := range m {
		room = append(room, key)
	}
	slices.Sort(room)
	return room
}
