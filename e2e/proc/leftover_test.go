package proc

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// victimVariable makes the test below fail in the way that it names.
const victimVariable = "MUSTER_PROC_VICTIM"

// A run of these tests leaves nothing on the machine, however it ends: another run of this test binary is made to fail
// in the midst of a network with agents and a mounted disk, and afterwards no process, namespace, mount or file of it is
// there.
func TestNothingIsLeftBehindHoweverTheTestsEnd(t *testing.T) {
	requires(t, "mount", "umount")
	requiresLines(t)
	if end := os.Getenv(victimVariable); end != "" {
		victim(t, end)
		return
	}
	bin := binary(t)
	for _, end := range []string{"fatal", "panic", "crash", "kill"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run", "^TestNothingIsLeftBehindHoweverTheTestsEnd$", "-test.v")
			cmd.Env = append(os.Environ(), victimVariable+"="+end, binaryVariable+"="+bin)
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var r run
			var had []string
			var printed strings.Builder
			lines := bufio.NewScanner(stdout)
			for lines.Scan() {
				fmt.Fprintln(&printed, lines.Text())
				if _, err := fmt.Sscanf(lines.Text(), "run %s %s", &r.dir, &r.prefix); err == nil && had == nil {
					had = r.left()
					if end == "kill" {
						_ = cmd.Process.Kill()
					} else {
						_ = cmd.Process.Signal(syscall.SIGUSR1)
					}
				}
			}
			if err := cmd.Wait(); err == nil || r.dir == "" {
				t.Fatalf("the other run was to fail, and did not:\n%s", printed.String())
			}
			for _, kind := range []string{"process", "mount", "namespace", "folder"} {
				if !slices.ContainsFunc(had, func(s string) bool { return strings.HasPrefix(s, kind) }) {
					t.Errorf("before it failed it had no %s, so that nothing is proved: %v", kind, had)
				}
			}
			var left []string
			for limit := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
				if left = r.left(); len(left) == 0 || time.Now().After(limit) {
					break
				}
			}
			if len(left) > 0 {
				t.Errorf("left behind: %v\n%s", left, printed.String())
			}
		})
	}
}

// victim makes all that these tests ever make, says where, waits until it has been looked at, and fails.
func victim(t *testing.T, end string) {
	t.Helper()
	looked := make(chan os.Signal, 1)
	signal.Notify(looked, syscall.SIGUSR1)
	disk := tinyDisk(t)
	n := newNetwork(t, "victim", 1, 1)
	n.host("n1").start("--data-dir", disk)
	n.host("c1").http()
	newWorld(t, "far", 1)
	fmt.Printf("run %s %s\n", thisRun.dir, thisRun.prefix)
	<-looked
	switch end {
	case "fatal":
		t.Fatal("on purpose")
	case "panic":
		panic("on purpose")
	case "crash":
		go panic("on purpose")
	}
	select {} // To be killed, or to crash.
}
