package proc

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var (
	buildPlain = sync.OnceValues(func() (string, error) { return build("muster") })
	buildRace  = sync.OnceValues(func() (string, error) { return build("muster-race", "-race") })
)

// binaryVariable names a binary that has been built already. It is linked, so that processes of this run are known by
// where their program is.
const binaryVariable = "MUSTER_PROC_BINARY"

func build(name string, flags ...string) (string, error) {
	path := filepath.Join(thisRun.dir, name)
	if made := os.Getenv(binaryVariable); made != "" {
		return path, os.Link(made, path)
	}
	args := append([]string{"build", "-o", path}, flags...)
	out, err := exec.Command("go", append(args, "github.com/musterhq/muster/cmd/muster")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the binary: %w\n%s", err, out)
	}
	return path, nil
}

// binary is the program under test, with the race detector if the tests have it.
func binary(t *testing.T) string {
	t.Helper()
	if raceBuild {
		return built(t, buildRace)
	}
	return built(t, buildPlain)
}

// fastBinary is the program without the race detector, for tests of its speed.
func fastBinary(t *testing.T) string {
	t.Helper()
	return built(t, buildPlain)
}

func built(t *testing.T, b func() (string, error)) string {
	t.Helper()
	path, err := b()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
