package need

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Missing lists those of the programs that this machine does not have; nothing if it has all of them.
func Missing(programs ...string) (missing []string) {
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing = append(missing, p)
		}
	}
	return missing
}

// All ends the test if anything is missing, by a skip, or by a failure if MUSTER_REQUIRE_ALL is 1. What is missing is
// given in words, one thing each.
func All(tb testing.TB, missing ...string) {
	tb.Helper()
	switch {
	case len(missing) == 0:
	case os.Getenv("MUSTER_REQUIRE_ALL") == "1":
		tb.Fatalf("missing on this machine: %s", strings.Join(missing, ", "))
	default:
		tb.Skipf("missing on this machine: %s", strings.Join(missing, ", "))
	}
}
