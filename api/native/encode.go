package native

import (
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/musterhq/muster"
)

// The JSON of an instance is written by hand: it is encoded for each view and each event, and reflection would be most
// of the cost. What is empty is left out, except for status, numbers and booleans.

// appendInstance appends inst as JSON. lastRenewal and index are left out if zero.
func appendInstance(b []byte, inst *muster.Instance, lastRenewal time.Time, index muster.Index) []byte {
	b = append(b, `{"namespace":`...)
	b = appendString(b, inst.Namespace)
	b = appendMember(b, "service", inst.Service)
	b = appendMember(b, "id", inst.ID)
	b = appendMember(b, "address", inst.Address)
	b = append(b, `,"port":`...)
	b = strconv.AppendInt(b, int64(inst.Port), 10)
	if len(inst.Ports) > 0 {
		b = append(b, `,"ports":{`...)
		var room [usualMembers]string
		for i, name := range sorted(inst.Ports, room[:0]) {
			b = appendComma(b, i)
			b = append(appendString(b, name), ':')
			b = strconv.AppendInt(b, int64(inst.Ports[name]), 10)
		}
		b = append(b, '}')
	}
	if len(inst.Tags) > 0 {
		b = append(b, `,"tags":[`...)
		for i, tag := range inst.Tags {
			b = appendString(appendComma(b, i), tag)
		}
		b = append(b, ']')
	}
	b = appendTexts(b, "metadata", inst.Metadata)
	b = appendTexts(b, "attributes", inst.Attributes)
	b = appendOptional(b, "zone", inst.Zone)
	b = append(b, `,"weight":`...)
	b = strconv.AppendInt(b, int64(inst.Weight), 10)
	b = append(b, `,"secure":`...)
	b = strconv.AppendBool(b, inst.Secure)
	b = appendMember(b, "status", inst.Status.String())
	if inst.Permanent {
		b = append(b, `,"permanent":true`...) // There is no lease that a TTL could be of.
	} else {
		b = appendMember(b, "ttl", inst.TTL.String())
	}
	if len(inst.Checks) > 0 {
		b = append(b, `,"checks":[`...)
		for i := range inst.Checks {
			b = appendCheck(appendComma(b, i), &inst.Checks[i])
		}
		b = append(b, ']')
	}
	b = appendResults(b, inst.Results)
	b = appendOptional(b, "datacenter", inst.Datacenter)
	b = appendOptional(b, "home", inst.Home)
	b = appendOptional(b, "override", inst.Override.String())
	b = appendOptional(b, "overrideReason", inst.OverrideReason)
	b = append(b, `,"preserved":`...)
	b = strconv.AppendBool(b, inst.Preserved)
	if inst.Private {
		b = append(b, `,"exported":false`...)
	}
	b = appendTime(b, "registeredAt", inst.RegisteredAt)
	b = appendTime(b, "lastRenewal", lastRenewal)
	if index != 0 {
		b = append(b, `,"index":`...)
		b = strconv.AppendUint(b, uint64(index), 10)
	}
	return append(b, '}')
}

// appendTexts appends a further member that is an object of strings, unless it is empty.
func appendTexts(b []byte, name string, texts map[string]string) []byte {
	if len(texts) == 0 {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":{`...)
	var room [usualMembers]string
	for i, key := range sorted(texts, room[:0]) {
		b = append(appendString(appendComma(b, i), key), ':')
		b = appendString(b, texts[key])
	}
	return append(b, '}')
}

// sorted is the keys of a map in their order, in the room that is given if that is enough.
func sorted[V any](m map[string]V, room []string) []string {
	for key := range m {
		room = append(room, key)
	}
	slices.Sort(room)
	return room
}

func appendComma(b []byte, i int) []byte {
	if i > 0 {
		return append(b, ',')
	}
	return b
}

// appendMember appends a further member of an object; name needs no escapes.
func appendMember(b []byte, name, value string) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return appendString(b, value)
}

func appendOptional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendMember(b, name, value)
}

// appendTime appends a time in UTC; RFC 3339 has four digits for the year, so others, like the zero time, are left out.
func appendTime(b []byte, name string, t time.Time) []byte {
	t = t.UTC()
	if t.IsZero() || t.Year() < 0 || t.Year() > 9999 {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":"`...)
	return append(t.AppendFormat(b, time.RFC3339Nano), '"')
}

// appendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[done:i]...), `\ufffd`...)
				done = i + n
			}
			i += n
			continue
		}
		if c < ' ' || c == '"' || c == '\\' {
			b = append(b, s[done:i]...)
			if c < ' ' {
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			} else {
				b = append(b, '\\', c)
			}
			done = i + 1
		}
		i++
	}
	return append(append(b, s[done:]...), '"')
}
