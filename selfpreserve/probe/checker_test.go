package probe_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/selfpreserve/probe"
)

func run(t *testing.T, c catalog.Check) (catalog.CheckStatus, string) {
	t.Helper()
	return probe.NewChecker(true).Run(t.Context(), &c)
}

func want(t *testing.T, c catalog.Check, status catalog.CheckStatus, output string) {
	t.Helper()
	got, text := run(t, c)
	if got != status || !strings.Contains(text, output) {
		t.Errorf("%s check: %s %q, want %s with %q", c.Type(), got, text, status, output)
	}
}

// closed is an address at which nothing listens.
func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func TestHTTPStatusDecides(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var code int
		_, _ = fmt.Sscan(strings.TrimPrefix(r.URL.Path, "/"), &code)
		if code/100 == 3 {
			w.Header().Set("Location", "/200")
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "body")
	}))
	defer srv.Close()
	for code, status := range map[int]catalog.CheckStatus{
		200: catalog.CheckPassing, 204: catalog.CheckPassing, 299: catalog.CheckPassing, 429: catalog.CheckWarning,
		404: catalog.CheckCritical, 500: catalog.CheckCritical, 302: catalog.CheckPassing,
	} {
		want(t, catalog.Check{HTTP: fmt.Sprintf("%s/%d", srv.URL, code)}, status, "HTTP GET "+srv.URL)
	}
	want(t, catalog.Check{HTTP: srv.URL + "/302", NoRedirect: true}, catalog.CheckCritical, "302 Found")
	want(t, catalog.Check{HTTP: srv.URL + "/200"}, catalog.CheckPassing, "HTTP GET "+srv.URL+"/200: 200 OK Output: body")
	want(t, catalog.Check{HTTP: "http://" + closed(t)}, catalog.CheckCritical, "connection refused")
}

func TestHTTPSendsWhatItIsToldTo(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- strings.Join([]string{r.Method, r.Host, r.UserAgent(), r.Header.Get("X-A"), string(body), strconv.FormatBool(r.Close)}, "|")
	}))
	defer srv.Close()
	want(t, catalog.Check{
		HTTP: srv.URL, Method: "PUT", Body: "hi", Header: map[string][]string{"x-a": {"1"}, "host": {"other.example"}},
	}, catalog.CheckPassing, "HTTP PUT")
	if g, w := <-got, "PUT|other.example|Consul Health Check|1|hi|true"; g != w {
		t.Errorf("request %s, want %s", g, w)
	}
}

func TestHTTPBodiesAndRedirectsAreBounded(t *testing.T) {
	t.Parallel()
	hops := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/loop" {
			hops++
			http.Redirect(w, r, "/loop", http.StatusFound)
			return
		}
		for range 1000 {
			_, _ = io.WriteString(w, strings.Repeat("x", 10_000))
		}
	}))
	defer srv.Close()
	if status, out := run(t, catalog.Check{HTTP: srv.URL, OutputMax: 100}); status != catalog.CheckPassing || len(out) > 200 {
		t.Errorf("a body of 10 MB: %s, %d bytes of output", status, len(out))
	}
	want(t, catalog.Check{HTTP: srv.URL + "/loop"}, catalog.CheckCritical, "redirects")
	if hops != 10 {
		t.Errorf("%d requests, want 10", hops)
	}
}

func TestATimeOutIsCritical(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer srv.Close()
	defer close(release)
	const limit = 50 * time.Millisecond
	addr := strings.TrimPrefix(srv.URL, "http://")
	for _, c := range []catalog.Check{
		{HTTP: srv.URL, Timeout: limit},
		{GRPC: addr, Timeout: limit},
		{Script: []string{"sh", "-c", "sleep 100 & sleep 100"}, Timeout: limit},
	} {
		start := time.Now()
		if status, out := run(t, c); status != catalog.CheckCritical || time.Since(start) > 3*time.Second {
			t.Errorf("%s check: %s %q after %v", c.Type(), status, out, time.Since(start))
		}
	}
}

func TestTLSIsVerifiedUnlessToldNotTo(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	srv.Config.ErrorLog = nil
	defer srv.Close()
	addr := strings.TrimPrefix(srv.URL, "https://")
	want(t, catalog.Check{HTTP: srv.URL}, catalog.CheckCritical, "certificate")
	want(t, catalog.Check{HTTP: srv.URL, TLSSkipVerify: true}, catalog.CheckPassing, "200 OK")
	want(t, catalog.Check{TCP: addr, TLS: true}, catalog.CheckCritical, "certificate")
	want(t, catalog.Check{TCP: addr, TLS: true, TLSSkipVerify: true}, catalog.CheckPassing, "Success")
}

func TestTCPNeedsAListener(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	addr := l.Addr().String()
	want(t, catalog.Check{TCP: addr}, catalog.CheckPassing, "TCP connect "+addr+": Success")
	want(t, catalog.Check{TCP: closed(t)}, catalog.CheckCritical, "connection refused")
}

// health is a gRPC health server in net/http: it knows "up" and "down", and "" as up.
func health(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	service := ""
	if len(body) > 7 {
		service = string(body[7:])
	}
	status, known := map[string]byte{"": 1, "up": 1, "down": 2}[service]
	w.Header().Set("Content-Type", "application/grpc")
	if !known || r.URL.Path != "/grpc.health.v1.Health/Check" || r.ProtoMajor != 2 || r.Header.Get("Te") != "trailers" {
		w.Header().Set("Grpc-Status", "5")
		w.Header().Set("Grpc-Message", "unknown service")
		return
	}
	w.Header().Set("Trailer", "Grpc-Status")
	_, _ = w.Write(append(binary.BigEndian.AppendUint32([]byte{0}, 2), 1<<3, status))
	w.Header().Set("Grpc-Status", "0")
}

func TestGRPCAsksTheHealthService(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		srv := httptest.NewUnstartedServer(http.HandlerFunc(health))
		srv.Config.Protocols = new(http.Protocols)
		srv.EnableHTTP2 = secure
		if secure {
			srv.Config.Protocols.SetHTTP2(true)
			srv.StartTLS()
		} else {
			srv.Config.Protocols.SetUnencryptedHTTP2(true)
			srv.Start()
		}
		defer srv.Close()
		_, addr, _ := strings.Cut(srv.URL, "://")
		c := catalog.Check{GRPC: addr, TLS: secure, TLSSkipVerify: secure}
		want(t, c, catalog.CheckPassing, "success")
		c.GRPC = addr + "/up"
		want(t, c, catalog.CheckPassing, "success")
		c.GRPC = addr + "/down"
		want(t, c, catalog.CheckCritical, "NOT_SERVING")
		c.GRPC = addr + "/other"
		want(t, c, catalog.CheckCritical, `code "5", "unknown service"`)
	}
	want(t, catalog.Check{GRPC: closed(t)}, catalog.CheckCritical, "connection refused")
	plain := httptest.NewServer(http.HandlerFunc(health))
	defer plain.Close()
	if status, out := run(t, catalog.Check{GRPC: strings.TrimPrefix(plain.URL, "http://"), Timeout: time.Second}); status != catalog.CheckCritical {
		t.Errorf("a server without HTTP/2: %s %q", status, out)
	}
}

func TestScriptsSpeakByTheirExitCode(t *testing.T) {
	t.Setenv("SECRET", "hidden")
	sh := func(text string) catalog.Check { return catalog.Check{Script: []string{"sh", "-c", text}} }
	want(t, sh("echo fine"), catalog.CheckPassing, "fine\n")
	want(t, sh("echo hm >&2; exit 1"), catalog.CheckWarning, "hm")
	want(t, sh("echo bad; exit 2"), catalog.CheckCritical, "bad")
	want(t, sh("kill -9 $$"), catalog.CheckCritical, "")
	want(t, catalog.Check{Script: []string{"/no/such/command"}}, catalog.CheckCritical, "no such file")
	if _, out := run(t, sh("env")); strings.Contains(out, "SECRET") || !strings.Contains(out, "PATH="+os.Getenv("PATH")) {
		t.Errorf("the environment of a script is %q", out)
	}
	c := sh("yes | head -c 1000000")
	c.OutputMax = 10
	if status, out := run(t, c); status != catalog.CheckPassing || len(out) != 10 {
		t.Errorf("a script with much to say: %s, %d bytes", status, len(out))
	}
}

func TestScriptsAreOffUnlessAllowed(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/ran"
	status, out := probe.NewChecker(false).Run(context.Background(), &catalog.Check{Script: []string{"touch", file}})
	if _, err := os.Stat(file); status != catalog.CheckNone || err == nil {
		t.Errorf("%s %q, file %v", status, out, err)
	}
}
