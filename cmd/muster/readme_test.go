package main

import (
	"os"
	"strings"
	"testing"
)

// The README's table of flags is the one that the program is made from.
func TestTheReadmeListsTheAgentsFlagsAsTheyAre(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), "<!-- flags -->\n")
	table, _, found := strings.Cut(after, "<!-- /flags -->")
	if !found || strings.TrimSpace(table) != strings.TrimSpace(agentFlagTable()) {
		t.Errorf("between the marks the README has\n%s\nand should have\n%s", table, agentFlagTable())
	}
}
