package interop

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The README's table of Consul's clients is the list of those that are tested, and each has the version that it says.
func TestTheReadmeListsTheClientsOfConsulThatAreTested(t *testing.T) {
	var want strings.Builder
	want.WriteString("| client, in Go | version | what is run |\n|---|---|---|\n")
	for _, k := range consulKinds {
		fmt.Fprintf(&want, "| %s | %s | %s |\n", k.title, k.version, k.ran)
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
	m := regexp.MustCompile(`(?s)<!-- consul clients in Go -->\n(.*?)<!-- /consul clients in Go -->`).FindSubmatch(page)
	if m == nil || string(m[1]) != want.String() {
		t.Errorf("README.md has to have, between <!-- consul clients in Go --> and <!-- /consul clients in Go -->:\n%s", want.String())
	}
}

// What the README says of Prometheus servers is what is tested.
func TestTheReadmeNamesTheDiscoveriesThatPrometheusServersAreTestedWith(t *testing.T) {
	last := prometheusServers[len(prometheusServers)-1]
	for job := range prometheusJobs {
		if !slices.Contains(last.jobs, job) {
			t.Errorf("no server has %s", job)
		}
	}
	pins, err := os.ReadFile("prometheus/go.mod")
	if err != nil || !strings.Contains(string(pins), "github.com/prometheus/prometheus "+last.name+" ") {
		t.Errorf("prometheus/go.mod does not have %s: %v", last.name, err)
	}
}
