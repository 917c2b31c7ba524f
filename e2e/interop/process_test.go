package interop

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a program that runs beside the test.
type process struct {
	t     *testing.T
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string   // what it has to say: lines that begin with one of beginnings; libraries print what they like
	ended chan struct{} // closed when it has ended

	mu  sync.Mutex
	out bytes.Buffer // standard output and error, for a test that fails
}

// beginnings are how lines begin by which clients answer and nodes say where they listen.
var beginnings = regexp.MustCompile("^(@ |gossip |http |try:)")

// start starts a program, with more environment, and kills it at the end of the test. All programs of these tests, but
// the nodes, also end by themselves when their standard input does.
func start(t *testing.T, name string, env []string, argv ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, lines: make(chan string, 64), ended: make(chan struct{})}
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = attributes()
	p.cmd.Stderr = noted{p}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			_, _ = noted{p}.Write([]byte(lines.Text() + "\n"))
			if beginnings.MatchString(lines.Text()) {
				p.lines <- lines.Text() // Few, and there is room for more than anybody says without being asked.
			}
		}
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			p.mu.Lock()
			defer p.mu.Unlock()
			s := p.out.String()
			t.Logf("%s printed:\n%s", name, s[max(0, len(s)-6000):])
		}
	})
	return p
}

// noted keeps what a process prints.
type noted struct{ p *process }

func (n noted) Write(b []byte) (int, error) {
	n.p.mu.Lock()
	defer n.p.mu.Unlock()
	return n.p.out.Write(b)
}

// kill is kill -9 of the whole group.
func (p *process) kill() {
	select {
	case <-p.ended:
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.ended
	}
}

// terminate is SIGTERM, and waits until the process has ended.
func (p *process) terminate() {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	p.end(30 * time.Second)
}

func (p *process) end(limit time.Duration) {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(limit):
		p.t.Fatalf("%s did not end within %v", p.name, limit)
	}
}

// says waits for the next line that begins with one of the prefixes, and returns it.
func (p *process) says(limit time.Duration, prefixes ...string) (string, bool) {
	timeout := time.After(limit)
	for {
		select {
		case line := <-p.lines:
			for _, prefix := range prefixes {
				if strings.HasPrefix(line, prefix) {
					return line, true
				}
			}
		case <-p.ended:
			// What it said last is in the channel already.
			select {
			case line := <-p.lines:
				for _, prefix := range prefixes {
					if strings.HasPrefix(line, prefix) {
						return line, true
					}
				}
			default:
				return "", false
			}
		case <-timeout:
			return "", false
		}
	}
}

// eventually waits for a condition that only asking can show. The condition returns what is wrong, or nothing.
func eventually(t *testing.T, limit time.Duration, wrong func() string) {
	t.Helper()
	start := time.Now()
	for {
		what := wrong()
		if what == "" {
			return
		}
		if time.Since(start) > limit {
			t.Fatalf("after %v: %s", limit, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// always holds a condition for a while.
func always(t *testing.T, d time.Duration, wrong func() string) {
	t.Helper()
	for start := time.Now(); time.Since(start) < d; time.Sleep(50 * time.Millisecond) {
		if what := wrong(); what != "" {
			t.Fatalf("after %v: %s", time.Since(start).Round(time.Millisecond), what)
		}
	}
}
