package api

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

var update = flag.Bool("update", false, "rewrite testdata with what is answered now")

// The contract, one exchange after the other. A file of testdata is a conversation with a new node: steps separated by
// "====", each a request, "----", and its answer. A line that begins with # is a comment, one that begins with ! lets
// something happen to the node first. Every exchange is held against the OpenAPI document too.
func TestAnswersAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	doc := readDocument(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			recorded, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var now string
			synctest.Test(t, func(t *testing.T) { now = converse(t, doc, string(recorded)) })
			if *update {
				if err := os.WriteFile(file, []byte(now), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			reportDifference(t, string(recorded), now)
		})
	}
}

const (
	betweenSteps = "\n====\n"
	beforeAnswer = "\n----\n"
)

// converse runs a conversation and is what the file should hold. Needs a bubble.
func converse(t *testing.T, doc *document, recorded string) string {
	t.Helper()
	node := apitest.New()
	s := newServer(node, Config{MaxBodyBytes: 4096, MaxWaiting: 3})
	var steps []string
	for step := range strings.SplitSeq(strings.TrimSuffix(recorded, "\n"), betweenSteps) {
		said, _, _ := strings.Cut(step, beforeAnswer)
		steps = append(steps, said+beforeAnswer+exchange(t, doc, s, node, said))
	}
	return strings.Join(steps, betweenSteps) + "\n"
}

// exchange sends the request of one step. A stream is let go as soon as it has said what it has to say.
func exchange(t *testing.T, doc *document, s *server, node *apitest.Fake, said string) string {
	t.Helper()
	lines := strings.Split(said, "\n")
	for len(lines) > 0 && (strings.HasPrefix(lines[0], "#") || strings.HasPrefix(lines[0], "!")) {
		if what, ok := strings.CutPrefix(lines[0], "! "); ok {
			happen(t, node, strings.Fields(what))
		}
		lines = lines[1:]
	}
	head, body, _ := strings.Cut(strings.Join(lines, "\n"), "\n\n")
	heads := strings.Split(head, "\n")
	method, target, ok := strings.Cut(heads[0], " ")
	if !ok {
		t.Fatalf("no request in %q", said)
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(body, "@")); err == nil {
		body = `{"service":"` + strings.Repeat("x", n) + `"}`
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req := httptest.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	req.Header.Set("X-Request-Id", "test")
	for _, line := range heads[1:] {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Set(name, value)
	}
	rec := httptest.NewRecorder()
	_, pattern := s.mux.Handler(req.Clone(ctx))
	if _, after, ok := strings.Cut(pattern, " "); ok {
		pattern = after
	} else {
		pattern = ""
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.ServeHTTP(rec, req)
	}()
	if strings.HasSuffix(pattern, "/watch") || strings.HasSuffix(pattern, "/events") {
		synctest.Wait()
		cancel()
	}
	<-done
	doc.checkExchange(t, pattern, req, []byte(body), rec.Code, rec.Header(), rec.Body.Bytes())
	return render(rec)
}

// render is an answer as testdata has it: no header that all answers share.
func render(rec *httptest.ResponseRecorder) string {
	var b strings.Builder
	fmt.Fprintln(&b, rec.Code)
	for _, name := range slices.Sorted(maps.Keys(rec.Header())) {
		switch name {
		case "X-Request-Id", "X-Content-Type-Options", "Muster-Node", "Muster-Datacenter":
		default:
			fmt.Fprintf(&b, "%s: %s\n", name, rec.Header().Get(name))
		}
	}
	if rec.Body.Len() > 0 {
		fmt.Fprintf(&b, "\n%s", bytes.TrimRight(rec.Body.Bytes(), "\n"))
	}
	return strings.TrimRight(b.String(), "\n")
}

// happen lets something happen to the node.
func happen(t *testing.T, node *apitest.Fake, what []string) {
	t.Helper()
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	key := func() muster.Key { return muster.Key{Namespace: "default", Service: what[1], ID: what[2]} }
	switch what[0] {
	case "ready":
		node.SetReady(what[1] == "true", strings.Join(what[2:], " "))
	case "advance":
		d, err := time.ParseDuration(what[1])
		if err != nil {
			t.Fatal(err)
		}
		node.Advance(d)
	case "preserve":
		node.Preserve(key())
	case "evict":
		node.Evict(key())
	case "learn": // data centre, service, address, port, status
		status, err := muster.ParseStatus(what[5])
		if err != nil {
			t.Fatal(err)
		}
		err = node.Learn(what[1], muster.Instance{Service: what[2], Address: what[3], Port: number(what[4]), Status: status})
		if err != nil {
			t.Fatal(err)
		}
	case "fault":
		node.SetFault(map[string]error{
			"none": nil, "not-ready": muster.ErrNotReady, "closed": fmt.Errorf("register: %w", muster.ErrClosed),
			"slow": context.DeadlineExceeded, "broken": errors.New("the disk is on fire"),
		}[what[1]])
	case "member": // name, state
		node.AddMember(muster.Member{
			Name: what[1], Datacenter: "dc1", State: what[2], Address: "127.0.0.1:7947", Incarnation: 2, Version: "test",
			RTT: "1.5ms", Since: apitest.Start,
		})
	case "keep": // scope, expected, renewed, preserved
		since := apitest.Start
		scope := muster.Scope{
			Name: what[1], State: "PRESERVING", Expected: number(what[2]), Renewed: number(what[3]), Threshold: 0.85,
			Since: &since, Reason: "too many leases fell silent together", Preserved: number(what[4]),
		}
		scope.Lost = scope.Expected - scope.Renewed
		node.SetSelfPreservation(muster.SelfPreservation{
			Preserving: true, Scopes: []muster.Scope{scope},
			History: []muster.Transition{{
				At: since, Scope: scope.Name, From: "NORMAL", To: "PRESERVING", Lost: scope.Lost, Total: scope.Expected, Reason: scope.Reason,
			}},
		})
	case "event": // type, subject, text
		node.Happen(muster.NodeEventType(what[1]), what[2], strings.Join(what[3:], " "))
	default:
		t.Fatalf("nothing like %q can happen", what)
	}
}

// reportDifference names the first step that is answered otherwise than recorded.
func reportDifference(t *testing.T, recorded, now string) {
	t.Helper()
	want, got := strings.Split(recorded, betweenSteps), strings.Split(now, betweenSteps)
	for i := range got {
		if i >= len(want) || strings.TrimRight(got[i], "\n") != strings.TrimRight(want[i], "\n") {
			t.Fatalf("step %d is answered otherwise than recorded (go test -run %s -update records it anew):\n%s", i+1, t.Name(), got[i])
		}
	}
}
