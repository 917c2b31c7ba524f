package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// toYAML writes JSON as YAML, in the same order and with the same numbers. Strings that a reader of YAML could take for
// something else, and those that would move the cursor of a terminal, stay as JSON writes them, which is YAML too.
func toYAML(body []byte) (string, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	y := &yamlWriter{in: d}
	if err := y.value(0, false); err != nil {
		return "", fmt.Errorf("cannot print the answer as YAML: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return "", fmt.Errorf("cannot print the answer as YAML: it does not end after %d bytes", d.InputOffset())
	}
	return strings.TrimPrefix(y.out.String(), "\n"), nil
}

type yamlWriter struct {
	in  *json.Decoder
	out strings.Builder
}

// value writes the next value of the input: behind what stands in the line if it fits there, else in lines of its own,
// indented that deep. An object in a list begins in the line of its dash.
func (y *yamlWriter) value(depth int, inList bool) error {
	token, err := y.in.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		return y.object(depth, inList)
	case json.Delim('['):
		return y.list(depth)
	}
	y.out.WriteByte(' ')
	y.out.WriteString(scalar(token))
	y.out.WriteByte('\n')
	return nil
}

func (y *yamlWriter) object(depth int, inList bool) error {
	if !y.in.More() {
		y.out.WriteString(" {}\n")
	} else if !inList {
		y.out.WriteByte('\n')
	}
	for first := true; y.in.More(); first = false {
		if first && inList {
			y.out.WriteByte(' ')
		} else {
			y.indent(depth)
		}
		key, err := y.in.Token()
		if err != nil {
			return err
		}
		y.out.WriteString(scalar(key) + ":")
		if err := y.value(depth+1, false); err != nil {
			return err
		}
	}
	_, err := y.in.Token()
	return err
}

func (y *yamlWriter) list(depth int) error {
	if !y.in.More() {
		y.out.WriteString(" []\n")
	} else {
		y.out.WriteByte('\n')
	}
	for y.in.More() {
		y.indent(depth)
		y.out.WriteByte('-')
		if err := y.value(depth+1, true); err != nil {
			return err
		}
	}
	_, err := y.in.Token()
	return err
}

func (y *yamlWriter) indent(depth int) { y.out.WriteString(strings.Repeat("  ", depth)) }

// scalar is a value that is neither object nor list.
func scalar(token json.Token) string {
	s, ok := token.(string)
	if !ok {
		if token == nil {
			return "null"
		}
		return fmt.Sprint(token)
	}
	if isPlain(s) {
		return s
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // A string always can be encoded.
	// JSON lets pass what some terminals obey, and YAML readers refuse.
	var out strings.Builder
	for _, r := range strings.TrimSuffix(b.String(), "\n") {
		if r >= 0x7f && r < 0xa0 || r >= 0xfff0 && r <= 0xffff || r == 0xfeff {
			fmt.Fprintf(&out, `\u%04x`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

// isPlain reports whether every reader of YAML takes s, without quotes, for a string.
func isPlain(s string) bool {
	switch strings.ToLower(s) {
	case "y", "yes", "n", "no", "on", "off", "true", "false", "null":
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		inside := i > 0 && (c >= '0' && c <= '9' || strings.IndexByte("_./ -", c) >= 0)
		if !letter && !inside {
			return false
		}
	}
	return s != "" && !strings.HasSuffix(s, " ")
}
