package muster_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/musterhq/muster"
)

func TestTheFirstRuleThatMatchesDecides(t *testing.T) {
	rules := exportRules(t, "a=none", "ab*=tag:public", "abc=all", "s=all", "s*=none")
	for _, c := range []struct {
		service string
		tags    []string
		want    bool
	}{
		{"a", nil, false},
		{"ab", nil, false},
		{"ab", []string{"x", "public"}, true},
		{"abc", nil, false}, // A rule before it matches.
		{"b", nil, true},    // None does.
		{"s", nil, true},
		{"st", []string{"public"}, false},
	} {
		r := exporting(t, "dc1", "n1", rules)
		inst := &muster.Instance{Service: c.service, Address: "10.0.0.1", Port: 80, Tags: c.tags}
		stored, _, err := r.Register(muster.Moment{Wall: worldStart}, inst, false)
		if err != nil {
			t.Fatal(err)
		}
		if stored.Private == c.want {
			t.Errorf("%s with the tags %v: exported %v, want %v", c.service, c.tags, !stored.Private, c.want)
		}
	}
}

func TestARuleReadsAsItIsWritten(t *testing.T) {
	for _, text := range []string{"a=all", "a=none", "*=none", "a-*=tag:b:c=d"} {
		rule, err := muster.ParseExportRule(text)
		if err != nil || rule.String() != text {
			t.Errorf("%s: %+v, %v", text, rule, err)
		}
	}
	for text, want := range map[string]string{
		"":        `must be SERVICE=all, SERVICE=none or SERVICE=tag:NAME, not ""`,
		"a":       "SERVICE=tag:NAME",
		"a=":      "SERVICE=tag:NAME",
		"a=tag:":  "SERVICE=tag:NAME",
		"a=some":  "SERVICE=tag:NAME",
		"=all":    "must name a service",
		"a*b=all": "must have a * at the end",
		"**=none": "must have a * at the end",
	} {
		if _, err := muster.ParseExportRule(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestANodeWithABadRuleDoesNotStart(t *testing.T) {
	_, err := muster.Start(t.Context(), muster.Config{Node: "n1", Export: muster.Export{{Service: "a"}, {Service: "b", None: true, Tag: "c"}}})
	if !errors.Is(err, muster.ErrConfig) || !strings.Contains(err.Error(), "Export[1] must be none or of a tag, and is both") {
		t.Fatal(err)
	}
}

func exportRules(t *testing.T, texts ...string) (export muster.Export) {
	t.Helper()
	for _, text := range texts {
		rule, err := muster.ParseExportRule(text)
		if err != nil {
			t.Fatal(err)
		}
		export = append(export, rule)
	}
	return export
}
