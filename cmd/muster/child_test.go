package main

import (
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// ledger is a node that notes what is registered and taken out.
type ledger struct {
	*fakeNode
	mu   sync.Mutex
	seen []string
}

func newLedger(t *testing.T, status int) *ledger {
	t.Helper()
	l := &ledger{fakeNode: newFakeNode(t)}
	l.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		l.seen = append(l.seen, r.Method+" "+r.URL.Path)
		l.mu.Unlock()
		switch {
		case status >= 400:
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"code":"invalid-field","detail":"address must be another"}`)
		case r.Method == "DELETE":
			w.WriteHeader(http.StatusNoContent)
		default:
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"service":"payments","id":"p1","ttl":"30s"}`)
		}
	})
	return l
}

func (l *ledger) requests() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.seen, ", ")
}

const inAndOut = "POST /api/v1/services/instances, DELETE /api/v1/services/payments/instances/p1"

// registerArgs are the arguments that register at a node while this test binary does something.
func registerArgs(url string, command ...string) []string {
	args := []string{"register", "payments", "--address", "10.0.0.5", "--port", "8080", "--server", url, "--", os.Args[0]}
	return append(append(args, asCommand+command[0]), command[1:]...)
}

func TestTheExitStatusOfTheCommandIsPassedOn(t *testing.T) {
	for command, want := range map[string]int{"exit 0": 0, "exit 3": 3, "exit 255": 255, "die": 128 + int(syscall.SIGKILL)} {
		l := newLedger(t, 201)
		got := invoke(t, nil, registerArgs(l.URL, strings.Fields(command)...)...)
		if got.status != want || got.errs != "" {
			t.Errorf("%s: exit status %d, want %d; it said %q", command, got.status, want, got.errs)
		}
		if l.requests() != inAndOut {
			t.Errorf("%s: the node was asked %s", command, l.requests())
		}
	}
}

func TestSignalsArePassedOnToTheCommand(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT} {
		l := newLedger(t, 201)
		p := begin(t, nil, nil, registerArgs(l.URL, "await")...)
		p.out.await("waiting\n")
		if l.requests() != "POST /api/v1/services/instances" {
			t.Errorf("while the command runs, the node has been asked %s", l.requests())
		}
		p.signals <- sig
		p.end(40 + int(sig))
		if l.requests() != inAndOut {
			t.Errorf("%v: the node was asked %s", sig, l.requests())
		}
	}
}

func TestTheCommandReadsWhatIsTyped(t *testing.T) {
	l := newLedger(t, 201)
	in, typist := io.Pipe()
	p := begin(t, nil, in, registerArgs(l.URL, "read")...)
	p.out.await("reading\n")
	if err := typist.Close(); err != nil {
		t.Fatal(err)
	}
	p.end(5)
}

func TestARegistrationThatIsRefusedKeepsTheCommandFromStarting(t *testing.T) {
	l := newLedger(t, 422)
	got := invoke(t, nil, registerArgs(l.URL, "await")...)
	if got.status != exitUsage || !strings.Contains(got.errs, "address must be another") || got.out != "" {
		t.Errorf("exit status %d, %q, %q", got.status, got.out, got.errs)
	}
	oneLine(t, got.errs)
	if l.requests() != "POST /api/v1/services/instances" {
		t.Errorf("the node was asked %s", l.requests())
	}
}

func TestANodeThatIsAwayDoesNotKeepTheCommandFromRunning(t *testing.T) {
	l := newLedger(t, 201)
	l.Close()
	got := invoke(t, nil, registerArgs(l.URL, "exit", strconv.Itoa(6))...)
	if got.status != 6 || !strings.Contains(got.errs, "payments starts all the same") {
		t.Errorf("exit status %d, %q", got.status, got.errs)
	}
}
