package eurekatest

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// TB is the part of testing.TB that a run needs.
type TB interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Target is a server to run cases against. It has to hold nothing at the beginning of a case.
type Target struct {
	// URLs are of the nodes, without a path: the first is asked unless the case says otherwise.
	URLs []string
	// Base is the path under which the protocol is served, such as "/eureka/v2".
	Base string
	// Advance lets time pass by a clock that can be set; Wait waits. Ready makes the server ready, or not. Nil: it cannot.
	Advance, Wait func(time.Duration)
	Ready         func(bool)
}

// pause is how long to wait before a request is repeated.
const pause = 10 * time.Millisecond

// Run runs a case and reports every answer that is not as expected.
func (c Case) Run(t TB, target Target) {
	t.Helper()
	// Redirects are answers, not to be followed: most clients do not. Nor is anything to be inflated unasked.
	client := &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	url, n := target.URLs[0], 0
	for i, s := range c.steps {
		within := time.Duration(0)
		for _, what := range s.before {
			word, _, _ := strings.Cut(what, " ")
			d, _ := duration(what)
			switch word {
			case "advance":
				target.Advance(d)
			case "wait":
				target.Wait(d)
			case "within":
				within = d
			case "node":
				if _, err := fmt.Sscanf(what, "node %d", &n); err != nil {
					t.Fatalf("%s, step %d: %q: %v", c.Name, i+1, what, err)
				}
				url = target.URLs[n-1]
			case "not", "ready":
				target.Ready(word == "ready")
			default:
				t.Fatalf("%s, step %d: nothing like %q can happen", c.Name, i+1, what)
			}
		}
		for {
			problem := s.try(t.Context(), client, url, target.Base)
			if problem == "" {
				break
			}
			if within <= 0 {
				t.Errorf("%s, step %d: %s %s: %s", c.Name, i+1, s.method, s.path, problem)
				return
			}
			within -= pause
			target.Wait(pause)
		}
	}
}

// try sends the request and says what is wrong with the answer, nothing if it is as expected.
func (s *step) try(ctx context.Context, client *http.Client, url, base string) string {
	path := base + "/" + s.path
	if strings.HasPrefix(s.path, "/") { // A path of its own.
		path = s.path
	}
	body := []byte(s.body)
	for _, h := range s.headers {
		if h == [2]string{"Content-Encoding", "gzip"} {
			body = squeeze(body)
		}
	}
	req, err := http.NewRequestWithContext(ctx, s.method, url+path, bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	req.Header["User-Agent"] = nil
	for _, h := range s.headers {
		req.Header.Set(h[0], h[1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return err.Error()
	}
	return s.compare(resp, got)
}

func (s *step) compare(resp *http.Response, got []byte) string {
	if resp.StatusCode != s.status {
		return fmt.Sprintf("status %d, want %d (%s)", resp.StatusCode, s.status, resp.Header.Get("Muster-Reason"))
	}
	if len(resp.TransferEncoding) > 0 {
		return fmt.Sprintf("the answer is sent as %q, and has to have a length", resp.TransferEncoding)
	}
	for _, h := range s.expect {
		if value := resp.Header.Get(h[0]); value != h[1] {
			return fmt.Sprintf("header %s is %q, want %q", h[0], value, h[1])
		}
	}
	if length := resp.Header.Get("Content-Length"); length != "" && length != strconv.Itoa(len(got)) {
		return fmt.Sprintf("%d bytes, and Content-Length %s", len(got), length)
	}
	if resp.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(got))
		if err != nil {
			return err.Error()
		}
		if got, err = io.ReadAll(io.LimitReader(z, 16<<20)); err != nil {
			return err.Error()
		}
	}
	if !s.pattern.Match(got) {
		return fmt.Sprintf("body\n%s\nwant\n%s", got, s.text)
	}
	return ""
}

func squeeze(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b) // To a buffer, which takes everything.
	_ = z.Close()
	return out.Bytes()
}
