package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ Node = (*apitest.Fake)(nil)

// panicking is a node with a defect.
type panicking struct{ *apitest.Fake }

func (panicking) Members() []muster.Member     { panic("a defect") }
func (panicking) Records() []muster.RecordInfo { panic("a defect") }

func TestPanicIsAnsweredLoggedAndSurvived(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := NewHandler(panicking{apitest.New()}, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/records", nil)
	req.Header.Set("X-Request-Id", "the-one")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	if rec.Code != 500 || !strings.Contains(rec.Body.String(), `"requestId":"the-one"`) || strings.Contains(rec.Body.String(), "a defect") {
		t.Errorf("answered %d %s", rec.Code, rec.Body)
	}
	for _, want := range []string{"handler panicked", "request_id=the-one", "a defect", "handler_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, log.String())
		}
	}
	// A scrape that meets the defect too gives what there is, and no stack.
	got := scrape(t, h)
	if !strings.Contains(got, `muster_http_requests_total{code="500",method="GET",route="/api/v1/records"} 1`) {
		t.Error("the request is not counted as a 500")
	}
	if strings.Contains(got, "goroutine ") {
		t.Error("a scrape shows a stack")
	}
}

// Clients of Eureka are served before the mux, which would redirect them, are counted like all others, and never get the
// body of an error, whoever refuses them.
func TestEurekasClientsAreServedBeforeTheMux(t *testing.T) {
	t.Parallel()
	h := NewHandler(panicking{apitest.New()}, Config{})
	for _, c := range []struct {
		method, target string
		status         int
	}{
		{http.MethodGet, "/eureka//v2///apps/", 200},
		{http.MethodGet, "//v2/apps", 200},
		{http.MethodGet, "/eureka/status", 500},
		{http.MethodGet, "/eureka", 404},
		{http.MethodGet, "/eureka/v2/apps/X/../Y", 404},
		{http.MethodDelete, "/eureka/apps/X/Y", 403},
	} {
		req := httptest.NewRequestWithContext(t.Context(), c.method, c.target, nil)
		if c.status == 403 {
			req.Header.Set("Sec-Fetch-Site", "cross-site")
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		if rec.Code != c.status || c.status != 200 && (rec.Body.Len() > 0 || rec.Header().Get("Content-Length") != "0") {
			t.Errorf("%s %s: %d %q, want %d", c.method, c.target, rec.Code, rec.Body, c.status)
		}
	}
	if got := scrape(t, h); !strings.Contains(got, `muster_http_requests_total{code="200",method="GET",route="/eureka/apps"} 2`) {
		t.Error("the requests are not counted by their operations")
	}
}

func TestPanicAfterTheAnswerBeganClosesTheConnection(t *testing.T) {
	t.Parallel()
	s := newServer(apitest.New(), Config{})
	s.handle("GET", "/half", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half of")
		panic("a defect")
	}))
	server := httptest.NewUnstartedServer(s)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	defer server.Close()
	defer server.Client().CloseIdleConnections()
	resp, err := server.Client().Get(server.URL + "/half")
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	if err == nil {
		t.Error("the client takes half an answer for the whole")
	}
}

func TestNodesErrorIsLoggedAndNotTold(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	node := apitest.New()
	node.SetFault(errors.New("the disk is on fire"))
	h := NewHandler(node, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/heartbeat?id=a&name=b", nil))
	if rec.Code != 500 || strings.Contains(rec.Body.String(), "fire") || !strings.Contains(log.String(), "the disk is on fire") {
		t.Errorf("answered %d %s, logged %s", rec.Code, rec.Body, log.String())
	}
}

func TestEveryRequestHasAnIdOfItsOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 2 {
		h := Handler(apitest.New())
		for _, path := range []string{"/", "/healthz", "/nothing", "/api/v1/services"} {
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
			seen[rec.Header().Get("X-Request-Id")] = true
		}
	}
	if len(seen) != 8 || seen[""] {
		t.Errorf("8 requests had the ids %v", seen)
	}
}

func TestIdThatCouldGarbleALogIsReplaced(t *testing.T) {
	t.Parallel()
	h := Handler(apitest.New())
	for id, keep := range map[string]bool{
		"abc-123": true, strings.Repeat("x", 128): true, strings.Repeat("x", 129): false, "": false, "a b": false, "a\nb": false, "é": false,
	} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", nil)
		req.Header["X-Request-Id"] = []string{id}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		if got := rec.Header().Get("X-Request-Id"); (got == id) != keep || got == "" {
			t.Errorf("%q became %q", id, got)
		}
	}
}

// pipes is a network within a bubble: connections have deadlines in virtual time.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p <- server
	return client, nil
}

// What is flushed arrives, and a server's time-out for writing, which counts from the request, ends neither a stream nor
// a waiting query.
func TestThoseWhoWaitOutliveTheServersTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := apitest.New()
		closing, shut := context.WithCancel(t.Context())
		network := make(pipes)
		server := &http.Server{Handler: NewHandler(node, Config{Closing: closing}), WriteTimeout: time.Second, ReadHeaderTimeout: time.Second}
		served := make(chan error, 1)
		go func() { served <- server.Serve(network) }()
		transport := &http.Transport{DialContext: network.dial}
		client := &http.Client{Transport: transport}
		resp, err := client.Get("http://node/api/v1/watch?service=payments") //nolint:bodyclose // closed below, after its reader has ended
		if err != nil {
			t.Fatal(err)
		}
		events := make(chan string, 10)
		ended := make(chan error, 1)
		go func() { // a client that reads all the time, or a pipe would hold up the server
			lines := bufio.NewScanner(resp.Body)
			for lines.Scan() {
				if strings.HasPrefix(lines.Text(), "event:") {
					events <- lines.Text()
				}
			}
			ended <- lines.Err()
		}()
		if got := <-events; got != "event: snapshot" {
			t.Errorf("got %q first", got)
		}
		polled := make(chan string, 1)
		go func() {
			resp, err := client.Get(fmt.Sprintf("http://node/api/v1/services/payments?wait=5m&since=%d", node.Index()))
			if err != nil {
				polled <- err.Error()
				return
			}
			b, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			polled <- string(b)
		}()
		time.Sleep(time.Minute)
		if _, _, err := node.Put(t.Context(), muster.Instance{Service: "payments", Address: "10.0.0.1", Port: 80}); err != nil {
			t.Error(err)
		}
		select {
		case got := <-events:
			if got != "event: up" {
				t.Errorf("got %q after the time-out", got)
			}
		case err := <-ended:
			t.Errorf("the stream ended early: %v", err)
		}
		if got := <-polled; !strings.Contains(got, "10.0.0.1") {
			t.Errorf("the query got %q after the time-out", got)
		}
		shut()
		if err := <-ended; err != nil {
			t.Errorf("the stream ended with %v", err)
		}
		_ = resp.Body.Close()
		transport.CloseIdleConnections()
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

// http.Server.Shutdown waits for requests; those that wait themselves must not hold it up.
func TestShutdownDoesNotWaitForThoseWhoWait(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	closing, shut := context.WithCancel(t.Context())
	defer shut()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: NewHandler(node, Config{Closing: closing}), ReadHeaderTimeout: time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	transport := &http.Transport{}
	client := &http.Client{Transport: transport}
	resp, err := client.Get("http://" + listener.Addr().String() + "/api/v1/watch")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	shut()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	transport.CloseIdleConnections()
}
