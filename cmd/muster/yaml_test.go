package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"pgregory.net/rapid"
)

// drawJSON draws a value as JSON decodes it.
func drawJSON(t *rapid.T, depth int) any {
	kinds := []string{"string", "number", "bool", "null", "list", "object"}
	if depth == 0 {
		kinds = kinds[:4]
	}
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "string":
		return drawText(t)
	case "number":
		return float64(rapid.IntRange(-1e6, 1e6).Draw(t, "number"))
	case "bool":
		return rapid.Bool().Draw(t, "bool")
	case "list":
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			list = append(list, drawJSON(t, depth-1))
		}
		return list
	case "object":
		object := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "members") {
			object[drawText(t)] = drawJSON(t, depth-1)
		}
		return object
	default:
		return nil
	}
}

func drawText(t *rapid.T) string {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"UP", "yes", "Off", "null", "~", "1", "0x1f", "1e3", "2026-11-24", "- a", "a: b", "#", "", " ", "a ", "a\nb", "\x1b[2J", "\u0085", "é", "@", "?", "<&>"}),
		rapid.StringMatching(`[a-zA-Z][ -~]{0,8}`),
	).Draw(t, "text")
}

func TestYAMLSaysWhatTheJSONSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawJSON(t, 3)
		body, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		text, err := toYAML(body)
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(text, "\x1b\u0085\u009b") {
			t.Fatalf("a terminal would obey %q", text)
		}
		var got any
		if err := yaml.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%v in:\n%s", err, text)
		}
		back, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var again any
		if err := json.Unmarshal(back, &again); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(again, want) {
			t.Fatalf("%s became\n%s which is %s", body, text, back)
		}
	})
}

func TestYAMLKeepsTheOrderAndLargeNumbers(t *testing.T) {
	got, err := toYAML([]byte(`{"z":18446744073709551615,"a":[{"b":1.50,"c":[]},[2,{}]],"d":{"e":null}}`))
	want := "z: 18446744073709551615\na:\n  - b: 1.50\n    c: []\n  -\n    - 2\n    - {}\nd:\n  e: null\n"
	if err != nil || got != want {
		t.Errorf("got %v\n%s", err, got)
	}
	for _, broken := range []string{"", "{", `{"a":1} x`, "[1,]", "[1}"} {
		if got, err := toYAML([]byte(broken)); err == nil {
			t.Errorf("%q became %q", broken, got)
		}
	}
}
