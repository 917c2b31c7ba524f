package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the recorded outputs anew")

// asCommand begins the first argument of this test binary when it is run as the command of "register -- COMMAND".
const asCommand = "as-command:"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], asCommand) {
		os.Exit(command(strings.TrimPrefix(os.Args[1], asCommand), os.Args[2:]))
	}
	goleak.VerifyTestMain(m)
}

// command is what this binary does as a command.
func command(what string, args []string) int {
	switch what {
	case "exit":
		status, err := strconv.Atoi(args[0])
		if err != nil {
			return 99
		}
		return status
	case "read": // Ends with status 5 once its input ends, so that a test decides how long it runs.
		fmt.Println("reading")
		var line string
		for {
			if _, err := fmt.Scanln(&line); err != nil {
				return 5
			}
		}
	case "die":
		signal.Reset()
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			return 99
		}
		select {}
	case "await": // Ends with status 40 plus the number of the first signal that it gets.
		caught := make(chan os.Signal, 1)
		signal.Notify(caught, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
		fmt.Println("waiting")
		if sig, ok := (<-caught).(syscall.Signal); ok {
			return 40 + int(sig)
		}
		return 99
	default:
		return 99
	}
}

// ran is a command that has been run.
type ran struct {
	status    int
	out, errs string
}

// invoke runs a command in an environment of those variables.
func invoke(t *testing.T, vars map[string]string, args ...string) ran {
	t.Helper()
	var out, errs bytes.Buffer
	status := run(t.Context(), args, strings.NewReader(""), &out, &errs, environmentOf(vars, nil))
	return ran{status, out.String(), errs.String()}
}

// environmentOf has those variables and catches what comes from signals.
func environmentOf(vars map[string]string, signals <-chan os.Signal) environment {
	return environment{
		lookup: func(name string) (string, bool) { v, ok := vars[name]; return v, ok },
		signals: func(which ...os.Signal) (<-chan os.Signal, func()) {
			if slices.Equal(which, []os.Signal{syscall.SIGHUP}) {
				return nil, func() {} // Nobody asks for files to be read again.
			}
			return signals, func() {}
		},
	}
}

// process is a command that runs while the test goes on.
type process struct {
	t         *testing.T
	out, errs *tape
	signals   chan os.Signal
	ended     chan int
}

// begin runs a command on a goroutine of its own. The test has to see to its end.
func begin(t *testing.T, vars map[string]string, in io.Reader, args ...string) *process {
	t.Helper()
	p := &process{t: t, out: newTape(), errs: newTape(), signals: make(chan os.Signal, 4), ended: make(chan int, 1)}
	go func() {
		p.ended <- run(context.Background(), args, in, p.out, p.errs, environmentOf(vars, p.signals))
	}()
	return p
}

// end waits for the command's end and demands its status.
func (p *process) end(status int) {
	p.t.Helper()
	if got := <-p.ended; got != status {
		p.t.Errorf("exit status %d, want %d; it said:\n%s%s", got, status, p.out, p.errs)
	}
}

// tape keeps what is written, for a test that waits for words.
type tape struct {
	mu   sync.Mutex
	more *sync.Cond
	text strings.Builder
}

func newTape() *tape {
	t := &tape{}
	t.more = sync.NewCond(&t.mu)
	return t
}

func (t *tape) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.more.Broadcast()
	return t.text.Write(b)
}

func (t *tape) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// await waits until the words have been written; the time-out of the test binary is the bound.
func (t *tape) await(words string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	for !strings.Contains(t.text.String(), words) {
		t.more.Wait()
	}
	return t.text.String()
}

// oneLine demands that an error is told in one line.
func oneLine(t *testing.T, errs string) {
	t.Helper()
	if !strings.HasPrefix(errs, "muster: ") || strings.Count(errs, "\n") != 1 || !strings.HasSuffix(errs, "\n") {
		t.Errorf("not one line:\n%s", errs)
	}
}
