package proc

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// agent is one running process of the binary.
type agent struct {
	t            *testing.T
	name         string
	bin          string
	within       []string // what runs a program where this one runs; nothing on this machine itself
	client       *http.Client
	cmd          *exec.Cmd
	http, gossip string
	dns          string        // empty unless it was told to serve it
	ended        chan struct{} // closed when the process has ended
	status       int

	mu  sync.Mutex
	out bytes.Buffer // standard output and error, for a test that fails
}

// startAgent starts an agent on free ports and waits until it says where it listens.
func startAgent(t *testing.T, bin, name string, flags ...string) *agent {
	t.Helper()
	a := &agent{t: t, name: name, bin: bin, client: client}
	a.launch(append([]string{"--bind", "127.0.0.1:0", "--http", "127.0.0.1:0"}, flags...)...)
	return a
}

// launch starts the process and waits until it says where it listens.
func (a *agent) launch(flags ...string) {
	t, name := a.t, a.name
	t.Helper()
	if !slices.Contains(flags, "--dns") {
		flags = append(slices.Clip(flags), "--dns", "off") // Its default can be had by one agent alone.
	}
	argv := slices.Concat(a.within, []string{a.bin, "agent", "--node", name, "--profile", "local"}, flags)
	a.cmd, a.ended = exec.Command(argv[0], argv[1:]...), make(chan struct{})
	stdout, err := a.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	a.cmd.Stderr = writerFunc(a.note)
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addresses := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			a.note([]byte(lines.Text() + "\n"))
			fields := strings.Fields(lines.Text())
			if len(fields) == 2 && fields[0] == "gossip" && a.gossip == "" {
				a.gossip = fields[1]
			}
			if len(fields) == 2 && fields[0] == "dns" {
				a.dns = fields[1]
			}
			if len(fields) == 2 && fields[0] == "http" && a.http == "" {
				a.http = fields[1]
			}
			if len(fields) == 1 && fields[0] == "try:" {
				close(addresses)
			}
		}
		_ = a.cmd.Wait()
		a.status = a.cmd.ProcessState.ExitCode()
		close(a.ended)
	}()
	t.Cleanup(func() {
		_ = a.cmd.Process.Kill()
		<-a.ended
		if t.Failed() {
			a.mu.Lock()
			defer a.mu.Unlock()
			t.Logf("%s printed:\n%s", name, tail(a.out.String(), 4000))
		}
	})
	select {
	case <-addresses:
	case <-a.ended:
		t.Fatalf("%s ended with status %d:\n%s", name, a.status, a.out.String())
	case <-time.After(20 * time.Second):
		t.Fatalf("%s did not say where it listens:\n%s", name, a.out.String())
	}
}

func (a *agent) note(b []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.out.Write(b)
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) { f(b); return len(b), nil }

func (a *agent) signal(s os.Signal) {
	a.t.Helper()
	if err := a.cmd.Process.Signal(s); err != nil {
		a.t.Fatal(err)
	}
}

// kill is kill -9: nothing is said and nothing is saved.
func (a *agent) kill() {
	a.signal(syscall.SIGKILL)
	<-a.ended
}

// exit waits for the process to end by itself and returns its status.
func (a *agent) exit(limit time.Duration) int {
	a.t.Helper()
	select {
	case <-a.ended:
		return a.status
	case <-time.After(limit):
		a.t.Fatalf("%s did not end within %v", a.name, limit)
		return -1
	}
}

var client = &http.Client{
	Timeout:   10 * time.Second,
	Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
}

// call sends one request and returns the status and the body.
func (a *agent) call(method, path string, body any) (int, []byte, error) {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, a.http+path, r)
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := a.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, b, err
}

// must is call, for a request that has to succeed.
func (a *agent) must(method, path string, body any, want ...int) []byte {
	a.t.Helper()
	status, b, err := a.call(method, path, body)
	if err != nil {
		a.t.Fatalf("%s %s at %s: %v", method, path, a.name, err)
	}
	if slices.Contains(want, status) {
		return b
	}
	a.t.Fatalf("%s %s at %s: %d, want %v: %s", method, path, a.name, status, want, b)
	return nil
}

// get reads a JSON answer.
func (a *agent) get(path string, into any) {
	a.t.Helper()
	if err := json.Unmarshal(a.must("GET", path, nil, 200), into); err != nil {
		a.t.Fatalf("GET %s at %s: %v", path, a.name, err)
	}
}

type instance struct {
	Service     string    `json:"service"`
	ID          string    `json:"id"`
	Address     string    `json:"address,omitempty"`
	Port        int       `json:"port,omitempty"`
	TTL         string    `json:"ttl,omitempty"`
	Status      string    `json:"status,omitempty"`
	Home        string    `json:"home,omitempty"`
	Preserved   bool      `json:"preserved,omitempty"`
	LastRenewal time.Time `json:"lastRenewal,omitzero"`
}

func (a *agent) register(service, id, ttl string) {
	a.t.Helper()
	a.must("POST", "/api/v1/services/instances", instance{Service: service, ID: id, Address: "127.0.0.1", Port: 9, TTL: ttl}, 201, 200)
}

func (a *agent) instances(service string) map[string]instance {
	a.t.Helper()
	var list struct{ Instances []instance }
	a.get("/api/v1/services/"+service, &list)
	m := make(map[string]instance, len(list.Instances))
	for _, i := range list.Instances {
		m[i.ID] = i
	}
	return m
}

func (a *agent) heartbeat(service, id string) int {
	a.t.Helper()
	status, _, err := a.call("PUT", "/api/v1/services/"+service+"/instances/"+id+"/heartbeat", nil)
	if err != nil {
		a.t.Fatalf("heartbeat at %s: %v", a.name, err)
	}
	return status
}

func (a *agent) waitReady(limit time.Duration) time.Duration {
	a.t.Helper()
	start := time.Now()
	a.until(limit, "ready", func() bool {
		status, _, err := a.call("GET", "/readyz", nil)
		return err == nil && status == 200
	})
	return time.Since(start)
}

// until waits for a condition that only asking can show.
func (a *agent) until(limit time.Duration, what string, ok func() bool) {
	a.t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			a.t.Fatalf("%s: not %s within %v", a.name, what, limit)
		}
	}
}

// cli runs a command of the binary against an agent and returns its standard output and exit status.
func (a *agent) cli(args ...string) (string, int) {
	a.t.Helper()
	argv := slices.Concat(a.within, []string{a.bin, "--server", a.http}, args)
	cmd := exec.Command(argv[0], argv[1:]...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		a.t.Fatal(err)
	}
	if errs.Len() > 0 {
		a.t.Logf("muster %s: %s", strings.Join(args, " "), errs.String())
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// cluster starts n agents, the later ones joined to the first.
func cluster(t *testing.T, bin string, n int, flags ...string) []*agent {
	t.Helper()
	var agents []*agent
	for i := range n {
		f := flags
		if i > 0 {
			f = append([]string{"--join", agents[0].gossip}, flags...)
		}
		agents = append(agents, startAgent(t, bin, fmt.Sprintf("n%d", i+1), f...))
	}
	for _, a := range agents {
		a.waitReady(20 * time.Second)
	}
	return agents
}
