package eureka

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A metadata key becomes the name of an XML element, escaped as XStream does: "_" is doubled, "$" is "_-", and what no
// name may hold, at its beginning or at all, is "_." with four hexadecimal digits for each UTF-16 unit.

// appendXMLName appends a key as an element's name. It escapes more than XStream does where readers written in Go, such as
// Prometheus, would refuse the whole registry for a name: letters that the first edition of XML did not know, and a second
// colon. Whoever undoes the escapes gets the same key.
func appendXMLName(b []byte, key string) []byte {
	colon := false
	for at, r := range key {
		switch {
		case r == '_':
			b = append(b, '_', '_')
		case r == '$':
			b = append(b, '_', '-')
		case r == ':' && !colon:
			colon = true
			b = append(b, ':')
		case nameStart(r) || at > 0 && nameFurther(r):
			b = utf8.AppendRune(b, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = appendUnit(appendUnit(b, high), low)
		default:
			b = appendUnit(b, r)
		}
	}
	return b
}

func appendUnit(b []byte, unit rune) []byte {
	const hex = "0123456789abcdef"
	return append(b, '_', '.', hex[unit>>12&15], hex[unit>>8&15], hex[unit>>4&15], hex[unit&15])
}

// nameStart reports whether a name may begin with r, as every edition of XML has it.
func nameStart(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	case r <= 0x17e: // Latin
		return r >= 0xc0 && r != 0xd7 && r != 0xf7 &&
			r != 0x132 && r != 0x133 && r != 0x13f && r != 0x140 && r != 0x149
	default: // Greek, Cyrillic, Chinese characters, Hangul
		return r >= 0x3a3 && r <= 0x3ce || r >= 0x410 && r <= 0x44f || r >= 0x4e00 && r <= 0x9fa5 || r >= 0xac00 && r <= 0xd7a3
	}
}

func nameFurther(r rune) bool { return r >= '0' && r <= '9' || r == '-' || r == '.' }

// keyOfXMLName is the key that a name stands for. An escape that is none stands for itself.
func keyOfXMLName(name string) string {
	if !strings.Contains(name, "_") {
		return name
	}
	var b strings.Builder
	var units []uint16
	for i := 0; i < len(name); i++ {
		if rest := name[i:]; strings.HasPrefix(rest, "_.") && len(rest) >= 6 {
			if unit, err := strconv.ParseUint(rest[2:6], 16, 16); err == nil {
				units = append(units, uint16(unit))
				i += 5
				continue
			}
		}
		b.WriteString(string(utf16.Decode(units)))
		units = units[:0]
		switch {
		case name[i] == '_' && i+1 < len(name) && name[i+1] == '_':
			b.WriteByte('_')
			i++
		case name[i] == '_' && i+1 < len(name) && name[i+1] == '-':
			b.WriteByte('$')
			i++
		default:
			b.WriteByte(name[i])
		}
	}
	b.WriteString(string(utf16.Decode(units)))
	return b.String()
}
