package proc

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// run is what one run of these tests has on the machine beyond its own process. All of it can be told by its name, so
// that it can be found and removed without memory of what was made: programs and mounts are below dir, and names of
// network namespaces begin with prefix.
type run struct{ dir, prefix string }

var thisRun run

// The test binary is also the programs that the tests need beside it. Which one it is to be is in roleVariable.
const (
	roleVariable   = "MUSTER_PROC_ROLE"
	dirVariable    = "MUSTER_PROC_DIR"
	prefixVariable = "MUSTER_PROC_PREFIX"
	roleJanitor    = "janitor"
	roleRelay      = "relay"
	roleLine       = "line"
	rolePinger     = "pinger"
)

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case roleJanitor:
		clean()
	case roleRelay:
		relay()
	case roleLine:
		line()
	case rolePinger:
		pinger()
	case roleClient:
		instanceProcess()
	default:
		os.Exit(runTests(m))
	}
}

func runTests(m *testing.M) int {
	// For every process that is started: a race ends it, and it does not wait a second for more of them when it ends.
	_ = os.Setenv("GORACE", "halt_on_error=1 atexit_sleep_ms=0")
	dir, err := os.MkdirTemp("", "muster-proc-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	thisRun = run{dir: dir, prefix: fmt.Sprintf("muster-%d-%06x-", os.Getpid(), rand.IntN(1<<24))}
	done, err := thisRun.janitor()
	if err != nil {
		_ = os.RemoveAll(dir)
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := done(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}

// janitor starts a process that outlives this one, however this one ends: by a panic, a time limit or kill -9. Then, or
// when it is told that the tests are done, it removes what is left of the run.
func (r run) janitor() (done func() error, err error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+roleJanitor, dirVariable+"="+r.dir, prefixVariable+"="+r.prefix)
	// A session of its own: an interrupt from the terminal is not meant for it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	life, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() error {
		_ = life.Close()
		return cmd.Wait()
	}, nil
}

// clean is the janitor: its standard input ends when the tests have.
func clean() {
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	_, _ = io.Copy(io.Discard, os.Stdin)
	r := run{dir: os.Getenv(dirVariable), prefix: os.Getenv(prefixVariable)}
	for _, pid := range r.processes() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	for end := time.Now().Add(5 * time.Second); len(r.processes()) > 0 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	for _, m := range r.mounts() {
		_ = exec.Command("umount", m).Run()
	}
	for _, ns := range r.namespaces() {
		_ = exec.Command("ip", "netns", "del", ns).Run()
	}
	if len(r.mounts()) == 0 { // Else it would delete what is mounted.
		_ = os.RemoveAll(r.dir)
	}
	if left := r.left(); len(left) > 0 {
		os.Exit(1)
	}
}

// left lists in words what the run has on the machine.
func (r run) left() (found []string) {
	for _, pid := range r.processes() {
		found = append(found, fmt.Sprintf("process %d", pid))
	}
	for _, m := range r.mounts() {
		found = append(found, "mount "+m)
	}
	for _, ns := range r.namespaces() {
		found = append(found, "namespace "+ns)
	}
	if _, err := os.Lstat(r.dir); err == nil {
		found = append(found, "folder "+r.dir)
	}
	return found
}

// processes are those whose program is below the run's folder, and those in its namespaces.
func (r run) processes() (pids []int) {
	entries, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, e := range entries {
		if exe, err := os.Readlink(e); err == nil && strings.HasPrefix(exe, r.dir+"/") {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(e)))
			pids = append(pids, pid)
		}
	}
	for _, ns := range r.namespaces() {
		out, _ := exec.Command("ip", "netns", "pids", ns).Output()
		for f := range strings.FieldsSeq(string(out)) {
			if pid, err := strconv.Atoi(f); err == nil && !slices.Contains(pids, pid) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// mounts are the mount points below the run's folder.
func (r run) mounts() (points []string) {
	table, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], r.dir+"/") {
			points = append(points, f[4])
		}
	}
	return points
}

// namespaces are the network namespaces with the run's prefix.
func (r run) namespaces() (names []string) {
	entries, _ := os.ReadDir("/var/run/netns")
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), r.prefix) {
			names = append(names, e.Name())
		}
	}
	return names
}
