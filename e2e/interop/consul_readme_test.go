package interop

import (
	"os"
	"slices"
	"strings"
	"testing"
)

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
