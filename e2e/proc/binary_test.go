package proc

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var binaries string // where they are built, once for all tests

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "muster-proc-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binaries = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

var (
	buildPlain = sync.OnceValues(func() (string, error) { return build("muster") })
	buildRace  = sync.OnceValues(func() (string, error) { return build("muster-race", "-race") })
)

func build(name string, flags ...string) (string, error) {
	path := filepath.Join(binaries, name)
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
