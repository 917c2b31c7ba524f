package proc

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// lacking lists those of the tools that this machine does not have.
func lacking(tools ...string) (missing []string) {
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, tool)
		}
	}
	return missing
}

// needs skips a test, with one line that says what is missing; where MUSTER_REQUIRE_ALL is 1 it fails the test instead.
func needs(t *testing.T, missing []string) {
	t.Helper()
	switch {
	case len(missing) == 0:
	case os.Getenv("MUSTER_REQUIRE_ALL") == "1":
		t.Fatalf("missing on this machine: %s", strings.Join(missing, ", "))
	default:
		t.Skipf("missing on this machine: %s", strings.Join(missing, ", "))
	}
}
