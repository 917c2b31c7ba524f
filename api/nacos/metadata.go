package nacos

import (
	"bytes"
	"encoding/json"
	"strings"
)

// parseMetadata reads metadata as clients send it: a JSON object, or k=v,k=v. Never nil without an error.
func parseMetadata(text string) (map[string]string, error) {
	m := map[string]string{}
	if text == "" {
		return m, nil
	}
	if strings.HasPrefix(text, "{") {
		var values flatMap
		if err := json.Unmarshal([]byte(text), &values); err != nil {
			return nil, badRequest("metadata format incorrect:" + clipped(text))
		}
		return values.orEmpty(), nil
	}
	for pair := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, badRequest("metadata format incorrect:" + clipped(text))
		}
		m[key] = value
	}
	return m, nil
}

// flatMap is a JSON object of texts, numbers and truth values, which all count as texts, as they do for Java's reader.
// What is null is left out.
type flatMap map[string]string

// UnmarshalJSON refuses objects and arrays for values.
func (m *flatMap) UnmarshalJSON(b []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	*m = make(flatMap, len(raw))
	for key, value := range raw {
		switch value = bytes.TrimSpace(value); value[0] {
		case 'n':
		case '{', '[', '"':
			var text string
			if err := json.Unmarshal(value, &text); err != nil {
				return err
			}
			(*m)[key] = text
		default:
			(*m)[key] = string(value)
		}
	}
	return nil
}

func (m flatMap) orEmpty() map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// clipped is text for an error, which has an end.
func clipped(text string) string { return text[:min(len(text), 100)] }
