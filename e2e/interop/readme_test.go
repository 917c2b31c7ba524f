package interop

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// hasTable holds the README's table between the marks of that name against the one that the tests are made from.
func hasTable(t *testing.T, mark, header string, rows []string) {
	t.Helper()
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	columns := strings.Count(header, "|") - 1
	want := header + "\n|" + strings.Repeat("---|", columns) + "\n" + strings.Join(rows, "")
	m := regexp.MustCompile(`(?s)<!-- ` + mark + ` -->\n(.*?)<!-- /` + mark + ` -->`).FindSubmatch(page)
	if m == nil || string(m[1]) != want {
		t.Errorf("README.md has to have, between <!-- %s --> and <!-- /%s -->:\n%s", mark, mark, want)
	}
}

// row is a row of such a table.
func row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// isPinned checks that a client is had in the version that its table says.
func isPinned(t *testing.T, name, version string, pin [2]string) {
	t.Helper()
	pins, err := os.ReadFile(pin[0])
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(pins), pin[1]) || !strings.Contains(pin[1], version) {
		t.Errorf("%s: %s does not have it at %s", name, pin[0], version)
	}
}

// The README's tables of clients are the lists of those that are tested, and each has the version that it says.
func TestTheReadmeListsTheClientsThatAreTested(t *testing.T) {
	var rows []string
	for _, k := range kinds {
		isPinned(t, k.name, k.version, k.pin)
		rows = append(rows, row(k.title, k.version, k.language))
	}
	hasTable(t, "eureka clients", "| client | version | language |", rows)
}

func TestTheReadmeListsTheClientsOfConsulThatAreTested(t *testing.T) {
	var rows []string
	for _, k := range consulKinds {
		isPinned(t, k.name, k.version, k.pin)
		rows = append(rows, row(k.title, k.version, k.ran))
	}
	hasTable(t, "consul clients in Go", "| client, in Go | version | what is run |", rows)
}

func TestTheReadmeListsTheClientsOfNacosThatAreTested(t *testing.T) {
	var rows []string
	for _, k := range nacosKinds {
		isPinned(t, k.name, k.version, k.pin)
		rows = append(rows, row(k.title, k.version, k.language, k.ran))
	}
	hasTable(t, "nacos clients", "| client | version | language | what is run |", rows)
}
