package eureka

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// decodeJSON is the instance in a body {"instance":{...}}. It takes what Java's servers take, and besides what clients in
// other languages send: ports that are bare numbers, no @class, and members that nobody knows.
func decodeJSON(body []byte) (info, error) {
	members, err := object(body)
	if err != nil {
		return info{}, err
	}
	raw, ok := members["instance"]
	if !ok || len(members) != 1 {
		return info{}, malformed(`the body must be {"instance":{...}} and nothing else`)
	}
	return decodeInstance(raw)
}

// decodeInstance is the instance in a JSON object without a wrapper.
func decodeInstance(raw []byte) (info, error) {
	i := blank()
	members, err := object(raw)
	if err != nil {
		return i, err
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		raw := members[name]
		if isNull(raw) {
			continue
		}
		switch name {
		case "port":
			i.port, err = decodePort(raw, i.port)
		case "securePort":
			i.securePort, err = decodePort(raw, i.securePort)
		case "dataCenterInfo":
			err = i.decodeDatacenter(raw)
		case "leaseInfo":
			err = each(raw, func(name, value string, _ bool) error { i.setLease(name, value); return nil })
		case "metadata":
			i.metadata, err = decodeTexts(raw)
		default:
			// Only what the schema knows has to be a scalar; whatever else there is may be anything.
			if value, scalar := scalarOf(raw); scalar {
				i.set(name, value)
			} else if i.set(name, "") {
				err = malformed("%s must be a string or a number", name)
			}
		}
		if err != nil {
			return i, err
		}
	}
	return i, nil
}

func decodePort(raw []byte, p port) (port, error) {
	if value, scalar := scalarOf(raw); scalar {
		n, err := parsePort(value)
		return port{n, p.enabled}, err
	}
	err := each(raw, func(name, value string, scalar bool) (err error) {
		switch {
		case !scalar:
		case name == "$":
			p.number, err = parsePort(value)
		case name == "@enabled":
			p.enabled = value == "true"
		}
		return err
	})
	return p, err
}

func (i *info) decodeDatacenter(raw []byte) error {
	members, err := object(raw)
	if err != nil {
		return err
	}
	i.datacenter.name, _ = scalarOf(members["name"])
	if metadata := members["metadata"]; len(metadata) > 0 && !isNull(metadata) {
		i.datacenter.metadata, err = decodeTexts(metadata)
	}
	return err
}

// decodeTexts is an object of scalars as texts; nil if there are none. "@class" is Java's, not the client's.
func decodeTexts(raw []byte) (map[string]string, error) {
	var m map[string]string
	err := each(raw, func(name, value string, scalar bool) error {
		if !scalar {
			return malformed("metadata %.40q must be a string, a number or a boolean", name)
		}
		if name == "@class" {
			return nil
		}
		if m == nil {
			m = make(map[string]string)
		}
		m[name] = value
		return nil
	})
	return m, err
}

// each calls take with every member of an object that is not null, in the order of their names.
func each(raw []byte, take func(name, value string, scalar bool) error) error {
	members, err := object(raw)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if isNull(members[name]) {
			continue
		}
		value, scalar := scalarOf(members[name])
		if err := take(name, value, scalar); err != nil {
			return err
		}
	}
	return nil
}

// object is the members of a JSON object.
func object(raw []byte) (members map[string]json.RawMessage, err error) {
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, malformed("not a JSON object: %v", err)
	}
	if members == nil {
		return nil, malformed("null in place of an object")
	}
	return members, nil
}

func isNull(raw []byte) bool { return len(raw) == 0 || string(bytes.TrimSpace(raw)) == "null" }

// scalarOf is a string, number or boolean as text; false for anything else.
func scalarOf(raw []byte) (string, bool) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] == '{' || raw[0] == '[' || isNull(raw) {
		return "", false
	}
	if raw[0] != '"' {
		return string(raw), true
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return strconv.Quote(string(raw)), true // Cannot be: raw is valid JSON.
	}
	return s, true
}
