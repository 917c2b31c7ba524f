package interop

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// bin is where the programs of this run are built.
var bin string

func TestMain(m *testing.M) {
	// All clients of an act are waited for at the same time, however few processors there are: waiting costs nothing.
	flag.Parse()
	_ = flag.Set("test.parallel", "16")
	// For every process that is started: a race ends it, and it does not wait a second for more of them when it ends.
	_ = os.Setenv("GORACE", "halt_on_error=1 atexit_sleep_ms=0")
	sweep()
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", folder, os.Getpid()))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bin = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// folder is how the names of folders of programs begin; the number of the process that made it follows.
const folder = "muster-interop-"

// sweep removes what runs left that were killed. Their processes have died with them.
func sweep() {
	old, _ := filepath.Glob(filepath.Join(os.TempDir(), folder+"*"))
	for _, dir := range old {
		number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), folder), "-")
		if pid, err := strconv.Atoi(number); err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = os.RemoveAll(dir)
		}
	}
}

var (
	buildMuster  = sync.OnceValues(func() (string, error) { return build("muster", "../..", "./cmd/muster", raceFlags()...) })
	buildClients = sync.OnceValues(func() (string, error) { return build("goclients", "goclients", ".") })
)

// raceFlags has the nodes watched by the race detector if the tests are.
func raceFlags() []string {
	info, ok := debug.ReadBuildInfo()
	if ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return []string{"-race"}
	}
	return nil
}

func build(name, dir, pkg string, flags ...string) (string, error) {
	path := filepath.Join(bin, name)
	args := slices.Concat([]string{"-C", dir, "build", "-o", path}, flags, []string{pkg})
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "GOPROXY=off") // Nothing is fetched by a test.
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", name, err, out)
	}
	return path, nil
}

// musterBinary is the program under test.
func musterBinary(t *testing.T) string {
	t.Helper()
	return built(t, buildMuster)
}

// goClients is the program with the clients in Go.
func goClients(t *testing.T) string {
	t.Helper()
	return built(t, buildClients)
}

func built(t *testing.T, b func() (string, error)) string {
	t.Helper()
	path, err := b()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
