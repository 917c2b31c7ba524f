package consultest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
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
	// URL is the server's, without a path.
	URL string
	// Client sends the requests. It must not follow redirects, which are answers, nor inflate unasked.
	Client *http.Client
	// Wait waits. Ready makes the server ready, or not. Nil: it cannot.
	Wait  func(time.Duration)
	Ready func(bool)
	// Record writes the answers that come into the file, in place of those that are there.
	Record bool
}

// pause is how long to wait before a request is repeated.
const pause = 10 * time.Millisecond

type answer struct {
	status int
	header http.Header
	body   string
	took   time.Duration
}

// run is a case under way.
type run struct {
	t      TB
	target Target
	kept   map[string]string
	behind sync.WaitGroup
}

// Run runs a case and reports every answer that is not as expected.
func (c Case) Run(t TB, target Target) {
	t.Helper()
	r := &run{t: t, target: target, kept: map[string]string{}}
	for i := range c.steps {
		s := &c.steps[i]
		if problem := r.step(s); problem != "" {
			t.Errorf("%s, step %d: %s %s: %s", c.Name, i+1, s.method, s.path, problem)
			return
		}
	}
	if target.Record {
		if err := c.save(); err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
	}
}

// step does a step and says what is wrong with its answer, nothing if it is as expected.
func (r *run) step(s *step) string {
	within := time.Duration(0)
	for _, words := range s.words {
		switch words[0] {
		case "wait":
			r.target.Wait(span(words[1]))
		case "within":
			within = span(words[1])
		case "not", "ready":
			r.target.Ready(words[0] == "ready")
		case "later":
			r.later(span(words[1]), words[2], words[3])
		}
	}
	defer r.behind.Wait()
	for {
		a, err := r.send(s.method, s.path, s.headers, s.body)
		if err != nil {
			return err.Error()
		}
		if r.target.Record {
			s.record(a, r.fill(s.text))
		}
		problem := r.compare(s, a)
		if problem == "" || within <= 0 {
			return problem
		}
		within -= pause
		r.target.Wait(pause)
	}
}

func (r *run) later(after time.Duration, method, path string) {
	r.behind.Go(func() {
		r.target.Wait(after)
		a, err := r.send(method, path, nil, "")
		if err != nil || a.status != http.StatusOK {
			r.t.Errorf("%s %s: %d %s, %v", method, path, a.status, a.body, err)
		}
	})
}

func span(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		panic("consultest: " + err.Error())
	}
	return d
}

func (r *run) fill(text string) string {
	for name, value := range r.kept {
		text = strings.ReplaceAll(text, "${"+name+"}", value)
	}
	return text
}

func (r *run) send(method, path string, headers [][2]string, body string) (answer, error) {
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.target.URL+r.fill(path), strings.NewReader(r.fill(body)))
	if err != nil {
		return answer{}, err
	}
	for _, h := range headers {
		req.Header.Set(h[0], h[1])
	}
	began := time.Now()
	resp, err := r.target.Client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if method == http.MethodHead {
		got = nil // In process it is there, and is not to be.
	}
	return answer{resp.StatusCode, resp.Header, string(got), time.Since(began)}, err
}

func (r *run) compare(s *step, a answer) string {
	if a.status != s.status {
		return fmt.Sprintf("status %d, want %d: %s", a.status, s.status, a.body)
	}
	for _, h := range s.expect {
		if value := a.header.Get(h[0]); !matches(h[1], value) {
			return fmt.Sprintf("header %s is %q, want %q", h[0], value, h[1])
		}
	}
	if length := a.header.Get("Content-Length"); s.method != http.MethodHead && length != "" && length != strconv.Itoa(len(a.body)) {
		return fmt.Sprintf("%d bytes, and Content-Length %s", len(a.body), length)
	}
	if !matches(r.fill(s.text), a.body) {
		return fmt.Sprintf("body\n%s\nwant\n%s", a.body, s.text)
	}
	for _, words := range s.words {
		if problem := r.check(words, a); problem != "" {
			return problem
		}
	}
	return ""
}

// check is what a line with ! says of the answer.
func (r *run) check(words []string, a answer) string {
	const index = "X-Consul-Index"
	switch words[0] {
	case "keep":
		header := index
		if len(words) > 2 {
			header = words[2]
		}
		r.kept[words[1]] = a.header.Get(header)
	case "takes":
		if least, most := span(words[1]), span(words[2]); a.took < least || a.took > most {
			return fmt.Sprintf("it took %v, want %v to %v", a.took, least, most)
		}
	case "same":
		if got := a.header.Get(index); got != r.kept[words[1]] {
			return fmt.Sprintf("index %s, want %s", got, r.kept[words[1]])
		}
	case "newer":
		got, err := strconv.ParseUint(a.header.Get(index), 10, 53)
		before, _ := strconv.ParseUint(r.kept[words[1]], 10, 53)
		if err != nil || got <= before {
			return fmt.Sprintf("index %d, want more than %d (%v)", got, before, err)
		}
	}
	return ""
}
