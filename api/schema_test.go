package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// schema is the part of JSON Schema that our document uses. A keyword that is not here makes the document unreadable for
// these tests, so that none is silently ignored.
type schema struct {
	Ref                  string             `json:"$ref"`
	Type                 any                `json:"type"` // a string or an array of strings
	Description          string             `json:"description"`
	Format               string             `json:"format"`
	Enum                 []string           `json:"enum"`
	Minimum              *float64           `json:"minimum"`
	Maximum              *float64           `json:"maximum"`
	Properties           map[string]*schema `json:"properties"`
	Required             []string           `json:"required"`
	AdditionalProperties json.RawMessage    `json:"additionalProperties"` // false or a schema
	Items                *schema            `json:"items"`
	OneOf                []*schema          `json:"oneOf"`
}

// The document, as far as these tests read it.
type (
	document struct {
		OpenAPI    string                          `json:"openapi"`
		Info       map[string]string               `json:"info"`
		Servers    []map[string]string             `json:"servers"`
		Paths      map[string]map[string]operation `json:"paths"`
		Components struct {
			Schemas    map[string]*schema    `json:"schemas"`
			Parameters map[string]*parameter `json:"parameters"`
			Headers    map[string]*header    `json:"headers"`
			Responses  map[string]*response  `json:"responses"`
		} `json:"components"`
	}
	operation struct {
		OperationID string               `json:"operationId"`
		Summary     string               `json:"summary"`
		Parameters  []*parameter         `json:"parameters"`
		RequestBody *body                `json:"requestBody"`
		Responses   map[string]*response `json:"responses"`
	}
	parameter struct {
		Ref         string  `json:"$ref"`
		Name        string  `json:"name"`
		In          string  `json:"in"`
		Description string  `json:"description"`
		Required    bool    `json:"required"`
		Schema      *schema `json:"schema"`
	}
	header struct {
		Ref         string  `json:"$ref"`
		Description string  `json:"description"`
		Schema      *schema `json:"schema"`
	}
	body struct {
		Required bool             `json:"required"`
		Content  map[string]media `json:"content"`
	}
	media struct {
		Schema *schema `json:"schema"`
	}
	response struct {
		Ref         string             `json:"$ref"`
		Description string             `json:"description"`
		Headers     map[string]*header `json:"headers"`
		Content     map[string]media   `json:"content"`
		Events      map[string]*schema `json:"x-events"`
	}
)

// readDocument reads what is served, and refuses what it does not understand.
func readDocument(tb testing.TB) *document {
	tb.Helper()
	d := json.NewDecoder(bytes.NewReader(openAPIDocument))
	d.DisallowUnknownFields()
	doc := &document{}
	if err := d.Decode(doc); err != nil {
		tb.Fatalf("the document is not in the form that these tests can check: %v", err)
	}
	return doc
}

// named is what a reference into one kind of component names.
func named[T any](components map[string]*T, ref, kind string) (*T, error) {
	name, ok := strings.CutPrefix(ref, "#/components/"+kind+"/")
	c := components[name]
	if !ok || c == nil {
		return nil, fmt.Errorf("%s is no reference to one of the document's %s", ref, kind)
	}
	return c, nil
}

// check reports everything that is wrong with a decoded JSON value. An object may have no member that its
// schema does not name, though clients have to bear with such: then they are new, and belong into the document.
func (doc *document) check(s *schema, at string, v any) (problems []string) {
	bad := func(format string, args ...any) { problems = append(problems, at+": "+fmt.Sprintf(format, args...)) }
	if s.Ref != "" {
		target, err := named(doc.Components.Schemas, s.Ref, "schemas")
		if err != nil {
			return []string{at + ": " + err.Error()}
		}
		return doc.check(target, at, v)
	}
	if len(s.OneOf) > 0 {
		fits := 0
		var all []string
		for _, one := range s.OneOf {
			found := doc.check(one, at, v)
			if len(found) == 0 {
				fits++
			}
			all = append(all, found...)
		}
		if fits != 1 {
			bad("fits %d of the %d schemas, of which it must fit one: %s", fits, len(s.OneOf), strings.Join(all, "; "))
		}
		return problems
	}
	if types := typesOf(s.Type); !slices.ContainsFunc(types, func(t string) bool { return isType(v, t) }) {
		bad("is %s, not %v", jsonType(v), s.Type)
		return problems
	}
	switch v := v.(type) {
	case string:
		if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
			bad("is %q, not one of %v", v, s.Enum)
		}
		if _, err := time.Parse(time.RFC3339Nano, v); s.Format == "date-time" && err != nil {
			bad("is %q, not a date and time", v)
		}
		if s.Format == "uri-reference" && !uriReference.MatchString(v) {
			bad("is %q, not a URI reference", v)
		}
	case float64:
		if s.Minimum != nil && v < *s.Minimum || s.Maximum != nil && v > *s.Maximum {
			bad("is %v, out of bounds", v)
		}
	case []any:
		for i, item := range v {
			problems = append(problems, doc.check(s.Items, fmt.Sprintf("%s[%d]", at, i), item)...)
		}
	case map[string]any:
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				bad("lacks %q", name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			member, ok := s.Properties[name]
			switch {
			case ok:
			case string(s.AdditionalProperties) == "false", s.AdditionalProperties == nil && s.Properties != nil:
				bad("has %q, which the document does not know", name)
				continue
			case s.AdditionalProperties != nil:
				member = &schema{}
				if err := json.Unmarshal(s.AdditionalProperties, member); err != nil {
					bad("additionalProperties: %v", err)
					continue
				}
			default:
				continue
			}
			problems = append(problems, doc.check(member, at+"."+name, v[name])...)
		}
	}
	return problems
}

var uriReference = regexp.MustCompile(`^[!#$%&'()*+,/0-9:;=?@A-Z\[\]_a-z~.-]+$`)

func typesOf(t any) (types []string) {
	switch t := t.(type) {
	case string:
		return []string{t}
	case []any:
		for _, one := range t {
			types = append(types, fmt.Sprint(one))
		}
	}
	return types
}

func isType(v any, want string) bool {
	n, number := v.(float64)
	return jsonType(v) == want || want == "integer" && number && n == math.Trunc(n)
}

func jsonType(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64:
		return "number"
	case []any:
		return "array"
	default:
		return "object"
	}
}

// checkJSON is check of an encoded value.
func (doc *document) checkJSON(s *schema, at string, data []byte) []string {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return []string{at + ": is not JSON: " + err.Error()}
	}
	return doc.check(s, at, v)
}

func TestTheSchemaCheckerFindsPlantedFaults(t *testing.T) {
	t.Parallel()
	doc := readDocument(t)
	const good = `{"index":1,"service":"s","instances":[{"namespace":"default","service":"s","id":"i","address":"a","port":1,` +
		`"ports":{"grpc":2},"tags":["t"],"weight":1,"secure":false,"status":"UP","ttl":"30s","preserved":false,"registeredAt":"2026-01-02T03:04:05Z"}]}`
	s := &schema{Ref: "#/components/schemas/ServiceInstances"}
	if found := doc.checkJSON(s, "answer", []byte(good)); len(found) > 0 {
		t.Fatalf("a right answer is refused: %v", found)
	}
	for name, planted := range map[string][2]string{
		"lacks a member":         {`"index":1,`, ``},
		"wrong type":             {`"index":1`, `"index":"1"`},
		"fraction":               {`"index":1`, `"index":1.5`},
		"null for an array":      {`"tags":["t"]`, `"tags":null`},
		"wrong item":             {`"tags":["t"]`, `"tags":[1]`},
		"not in the enumeration": {`"UP"`, `"up"`},
		"not a time":             {`2026-01-02T03`, `2026-01-02 03`},
		"out of bounds":          {`"port":1,`, `"port":70000,`},
		"unknown member":         {`"weight":1`, `"weight":1,"heavy":true`},
		"wrong value in a map":   {`{"grpc":2}`, `{"grpc":"2"}`},
		"not JSON":               {`{"index"`, `{index`},
	} {
		wrong := strings.Replace(good, planted[0], planted[1], 1)
		if wrong == good {
			t.Fatalf("%s: nothing planted", name)
		}
		if found := doc.checkJSON(s, "answer", []byte(wrong)); len(found) == 0 {
			t.Errorf("%s: not found in %s", name, wrong)
		}
	}
	either := &schema{OneOf: []*schema{{Type: "string"}, {Type: "string", Enum: []string{"a"}}}}
	if found := doc.checkJSON(either, "v", []byte(`"a"`)); len(found) == 0 {
		t.Error("a value that fits both of oneOf passes")
	}
	if found := doc.checkJSON(either, "v", []byte(`"b"`)); len(found) > 0 {
		t.Errorf("a value that fits one of oneOf is refused: %v", found)
	}
	if found := doc.checkJSON(&schema{Ref: "#/components/schemas/Nothing"}, "v", []byte(`1`)); len(found) == 0 {
		t.Error("a reference to nothing passes")
	}
}
