package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"testing"
)

func TestEachAnswerLeadsToItsExitStatusAndOneLine(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   int
		errs   string // behind the node's URL
	}{
		{"done", 200, `{"services":[]}`, exitDone, ""},
		{"not JSON", 200, `<html>`, exitFailed, " did not answer as a Muster node does: invalid character '<' looking for beginning of value"},
		{"another server", 404, `not found`, exitFailed, " answered 404 Not Found: is it a Muster node? check --server"},
		{"another version", 404, `{"code":"no-such-path","detail":"there is nothing at /x"}`, exitFailed, " does not know this request: there is nothing at /x: it may be of another version"},
		{"a bad request", 400, `{"code":"invalid-parameter","detail":"dc must not be empty"}`, exitUsage, " refused it: dc must not be empty: see muster services --help"},
		{"no token", 401, ``, exitNotAllowed, " does not allow it: give a token that may with --token or MUSTER_TOKEN"},
		{"a weak token", 403, `{"code":"forbidden","detail":"reader may not write"}`, exitNotAllowed, " does not allow it: reader may not write: give a token that may with --token or MUSTER_TOKEN"},
		{"not ready", 503, `{"code":"not-ready","detail":"it waits for a seed"}`, exitFalse, " is not ready: it waits for a seed: try again, or ask another node with --server"},
		{"leaving", 503, `{"code":"closed","detail":"this node has left"}`, exitUnreachable, " does not answer: this node has left: ask another node with --server"},
		{"too slow inside", 504, `{"code":"timed-out","detail":"the node took too long"}`, exitTimedOut, ": the node took too long"},
		{"broken", 500, `{"code":"internal","title":"Something went wrong"}`, exitFailed, " answered 500 Internal Server Error: Something went wrong"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newFakeNode(t)
			n.answer("GET "+pathServices, c.status, c.body)
			got := invoke(t, nil, "services", "--server", n.URL)
			if got.status != c.want {
				t.Errorf("exit status %d, want %d", got.status, c.want)
			}
			if want := "muster: " + n.URL + c.errs + "\n"; c.errs != "" && got.errs != want {
				t.Errorf("it said %q, want %q", got.errs, want)
			}
			if c.errs == "" && got.errs != "" {
				t.Errorf("it said %q", got.errs)
			}
		})
	}
}

func TestANodeThatDoesNotAnswerInTimeLeadsToStatus6(t *testing.T) {
	n := newFakeNode(t)
	n.mux.HandleFunc("GET "+pathServices, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	got := invoke(t, nil, "services", "--server", n.URL, "--timeout", "20ms")
	want := "muster: " + n.URL + " did not answer within 20ms: it may be overloaded or stopped; try --timeout\n"
	if got.status != exitTimedOut || got.errs != want {
		t.Errorf("exit status %d, %q", got.status, got.errs)
	}
}

func TestTheCauseOfANetworkErrorIsTheInnermostReason(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for want, err := range map[string]error{
		"connection refused":    &url.Error{Op: "Get", URL: "http://n1", Err: refused},
		"nowhere: no such host": &url.Error{Op: "Get", URL: "http://n1", Err: &net.DNSError{Err: "no such host", Name: "nowhere", Server: "10.0.0.53"}},
		"EOF":                   &url.Error{Op: "Get", URL: "http://n1", Err: io.EOF},
		"unexpected EOF":        io.ErrUnexpectedEOF,
	} {
		if got := cause(err); got != want {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
	}
}

func TestTheTokenIsSentAndAFlagCountsBeforeTheEnvironment(t *testing.T) {
	n := newFakeNode(t)
	var seen string
	n.mux.HandleFunc("GET "+pathServices, func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Get("Authorization")
		_, _ = io.WriteString(w, `{"services":[]}`)
	})
	vars := map[string]string{"MUSTER_SERVER": n.URL, "MUSTER_TOKEN": "of-the-environment"}
	if got := invoke(t, vars, "services"); got.status != 0 || seen != "Bearer of-the-environment" {
		t.Errorf("exit status %d, sent %q", got.status, seen)
	}
	vars["MUSTER_SERVER"] = "http://127.0.0.1:1"
	if got := invoke(t, vars, "services", "--token", "of-the-flag", "--server", n.URL); got.status != 0 || seen != "Bearer of-the-flag" {
		t.Errorf("exit status %d, sent %q", got.status, seen)
	}
}

func TestVerifyAsksAgainUntilAllAgree(t *testing.T) {
	n1, n2 := newFakeNode(t), newFakeNode(t)
	n1.members(member("n1", "alive", n1.host()), member("n2", "alive", n2.host()))
	n1.answer("GET "+pathNode, 200, nodeBody, "n1", "aa", "1-9")
	asked := 0
	n2.mux.HandleFunc("GET "+pathNode, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		vector, hash := "1-8", "bb"
		if asked > 1 {
			vector, hash = "1-9", "aa"
		}
		_, _ = io.WriteString(w, fmt.Sprintf(nodeBody, "n2", hash, vector))
	})
	got := invoke(t, nil, "verify", "--server", n1.URL, "--wait", "1m")
	if got.status != exitDone || asked != 2 {
		t.Errorf("exit status %d after %d questions: %s%s", got.status, asked, got.out, got.errs)
	}
}

func TestVerifyTakesEqualHashesWithDifferentVectorsForADifference(t *testing.T) {
	n1, n2 := newFakeNode(t), newFakeNode(t)
	n1.members(member("n1", "alive", n1.host()), member("n2", "alive", n2.host()))
	n1.answer("GET "+pathNode, 200, nodeBody, "n1", "aa", "1-9")
	n2.answer("GET "+pathNode, 200, nodeBody, "n2", "aa", "1-8")
	n1.answer("GET "+pathRecords, 200, `{"records":[]}`)
	n2.answer("GET "+pathRecords, 503, `{"code":"not-ready","detail":"it waits"}`)
	if got := invoke(t, nil, "verify", "--server", n1.URL, "--wait", "0s"); got.status != exitFalse {
		t.Errorf("exit status %d: %s%s", got.status, got.out, got.errs)
	}
}

func TestCompletionKnowsServicesAndNodes(t *testing.T) {
	n := newFakeNode(t)
	n.answer("GET "+pathServices, 200, servicesBody)
	n.members(member("n1", "alive", ""), member("n2", "failed", ""))
	vars := map[string]string{"MUSTER_SERVER": n.URL}
	for command, want := range map[string]string{
		"instances": "orders\npayments\n:4\n", "watch": "orders\npayments\n:4\n", "force-leave": "n1\nn2\n:4\n",
	} {
		if got := invoke(t, vars, "__complete", command, ""); got.out != want {
			t.Errorf("%s completes to %q", command, got.out)
		}
	}
	n.Close()
	if got := invoke(t, vars, "__complete", "instances", ""); got.out != ":4\n" {
		t.Errorf("without a node it completes to %q", got.out)
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if got := invoke(t, nil, "completion", shell); got.status != 0 || len(got.out) < 1000 {
			t.Errorf("%s: exit status %d, %d bytes", shell, got.status, len(got.out))
		}
	}
}

func TestVersionSaysWhatThisIs(t *testing.T) {
	for format, want := range map[string]string{"table": "muster ", "json": `{"version":"`, "yaml": "version: "} {
		got := invoke(t, nil, "version", "-o", format)
		if got.status != 0 || len(got.out) < len(want)+8 || got.out[:len(want)] != want {
			t.Errorf("%s: exit status %d, %q", format, got.status, got.out)
		}
	}
}
