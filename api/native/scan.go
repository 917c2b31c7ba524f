package native

import (
	"slices"
	"strings"
)

// member is one member of a JSON object.
type member struct {
	name  string
	value string
}

// known are the names of a registration's fields, as they are quoted: they need no copy each time.
var known = map[string]string{
	`"namespace"`: "namespace", `"service"`: "service", `"id"`: "id", `"address"`: "address", `"port"`: "port", `"ports"`: "ports",
	`"tags"`: "tags", `"metadata"`: "metadata", `"attributes"`: "attributes", `"zone"`: "zone", `"weight"`: "weight",
	`"secure"`: "secure", `"status"`: "status", `"ttl"`: "ttl", `"checks"`: "checks", `"name"`: "name", `"permanent"`: "permanent",
}

// usualMembers is how many members an object has at most without costing an allocation.
const usualMembers = 16

// membersOf is the members of an object, in the order of their names, so that errors are the same each time; of two with
// one name the later. raw must be valid JSON; false if it is something other than an object. Decoding into a map of raw
// messages would do the same at several times the cost.
func membersOf(raw string, room []member) ([]member, bool) {
	raw = strings.TrimSpace(raw)
	if len(raw) == 0 || raw[0] != '{' {
		return nil, false
	}
	all := room[:0]
	for rest := skipSpace(raw[1:]); rest[0] != '}'; {
		n := valueLen(rest)
		name, familiar := known[rest[:n]]
		if !familiar {
			name, _ = text(rest[:n])
		}
		rest = skipSpace(skipSpace(rest[n:])[1:]) // The colon.
		n = valueLen(rest)
		all = append(all, member{name, rest[:n]})
		if rest = skipSpace(rest[n:]); rest[0] == ',' {
			rest = skipSpace(rest[1:])
		}
	}
	slices.SortStableFunc(all, func(a, b member) int { return strings.Compare(a.name, b.name) })
	kept := all[:0]
	for i, m := range all {
		if i+1 == len(all) || all[i+1].name != m.name {
			kept = append(kept, m)
		}
	}
	return kept, true
}

// itemsOf is the items of an array. raw must be valid JSON; false if it is something other than an array.
func itemsOf(raw string) (items []string, ok bool) {
	raw = strings.TrimSpace(raw)
	if len(raw) == 0 || raw[0] != '[' {
		return nil, false
	}
	for rest := skipSpace(raw[1:]); rest[0] != ']'; {
		n := valueLen(rest)
		items = append(items, rest[:n])
		if rest = skipSpace(rest[n:]); rest[0] == ',' {
			rest = skipSpace(rest[1:])
		}
	}
	return items, true
}

func skipSpace(b string) string {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\n' || b[0] == '\r') {
		b = b[1:]
	}
	return b
}

// valueLen is how many bytes the value at the start of valid JSON takes.
func valueLen(b string) int {
	switch b[0] {
	case '"':
		return stringLen(b)
	case '{', '[':
		depth := 0
		for i := 0; i < len(b); i++ {
			switch b[i] {
			case '"':
				i += stringLen(b[i:]) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return len(b)
	default:
		if n := strings.IndexAny(b, ",]} \t\n\r"); n >= 0 {
			return n
		}
		return len(b)
	}
}

func stringLen(b string) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}
