package interop

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The README's table of clients is the list of those that are tested, and each has the version that it says.
func TestTheReadmeListsTheClientsThatAreTested(t *testing.T) {
	var want strings.Builder
	want.WriteString("| client | version | language |\n|---|---|---|\n")
	for _, k := range kinds {
		fmt.Fprintf(&want, "| %s | %s | %s |\n", k.title, k.version, k.language)
		pins, err := os.ReadFile(k.pin[0])
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(pins), k.pin[1]) || !strings.Contains(k.pin[1], k.version) {
			t.Errorf("%s: %s does not have it at %s", k.name, k.pin[0], k.version)
		}
	}
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?s)<!-- eureka clients -->\n(.*?)<!-- /eureka clients -->`).FindSubmatch(page)
	if m == nil || string(m[1]) != want.String() {
		t.Errorf("README.md has to have, between <!-- eureka clients --> and <!-- /eureka clients -->:\n%s", want.String())
	}
}
