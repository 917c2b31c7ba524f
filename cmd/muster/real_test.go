package main

import (
	"os"
	"strings"
	"testing"
)

// TestTheCommandsSpeakToARealNode runs the commands against an agent, since a node that was made up proves only that the
// commands and their author agree.
func TestTheCommandsSpeakToARealNode(t *testing.T) {
	a := startAgent(t, nil, loopback("n1")...)
	vars := map[string]string{"MUSTER_SERVER": a.url}
	expect := func(status int, words string, args ...string) string {
		t.Helper()
		got := invoke(t, vars, args...)
		if got.status != status || !strings.Contains(got.out+got.errs, words) {
			t.Errorf("muster %s: exit status %d, want %d and %q:\n%s%s", strings.Join(args, " "), got.status, status, words, got.out, got.errs)
		}
		return got.out
	}
	expect(0, `"services":[]`, "services", "-o", "json")
	expect(0, "payments-10.0.0.5-8080", "register", "payments", "--address", "10.0.0.5", "--port", "8080", "--tag", "v2",
		"--meta", "version=1.4", "--ttl", "1m", "--zone", "b", "--weight", "7", "--check-http", "http://10.0.0.5:8080/health")
	expect(2, "address must", "register", "payments", "--address", "http://x", "--port", "8080")
	expect(0, "payments", "services")
	expect(0, "10.0.0.5:8080", "instances", "payments", "--tag", "v2", "--zone", "b", "--dc", "*", "--healthy")
	expect(0, `"instances":[]`, "instances", "payments", "--tag", "v3", "-o", "json")
	expect(0, "OUT_OF_SERVICE", "status", "payments", "payments-10.0.0.5-8080", "OUT_OF_SERVICE")
	expect(0, `"instances":[]`, "instances", "payments", "--healthy", "-o", "json")
	expect(0, `"status":"UP"`, "status", "payments", "payments-10.0.0.5-8080", "--clear", "-o", "json")
	expect(3, "no instance", "status", "payments", "nobody", "UP")
	expect(0, "", "register", "payments", "--address", "a", "--port", "1", "--id", "a/b c?", "--namespace", "other")
	expect(0, "a/b c?", "instances", "payments", "--namespace", "other")
	expect(0, "other", "services", "--namespace", "*")
	expect(0, "", "deregister", "payments", "a/b c?", "--namespace", "other")
	for path, args := range map[string][]string{
		pathServices: {"services"}, pathOfService("payments"): {"instances", "payments"}, pathMembers: {"members"},
	} {
		got := expect(0, "", append(args, "-o", "json")...)
		if want := text(t, "GET", a.url+path, ""); got != want {
			t.Errorf("muster %s -o json printed\n%s but the API answers\n%s", args[0], got, want)
		}
	}
	expect(0, "n1", "members")
	expect(0, "ready", "info")
	expect(0, "agrees", "verify")
	expect(3, "no member", "force-leave", "nobody")

	w := begin(t, vars, nil, "watch", "payments")
	w.out.await("snapshot  payments  payments-10.0.0.5-8080")
	expect(3, "", registerArgs(a.url, "exit", "3")...)
	w.out.await("deregistered")
	expect(3, "no instance", "deregister", "payments", "payments-10.0.0.5-8080")
	w.signals <- os.Interrupt
	w.end(exitDone)
	bench := expect(0, "register", "bench", "--instances", "40", "--services", "2", "--clients", "4", "--watchers", "3", "--duration", "100ms")
	for _, row := range []string{"register    40", "renew ", "query ", "watch       60", "deregister  40"} {
		if !strings.Contains(bench, row) {
			t.Errorf("muster bench tells nothing of %q:\n%s", row, bench)
		}
	}
	expect(0, `"services":[]`, "services", "--namespace", "muster-bench", "-o", "json")
	expect(2, "--clients must be at least 1", "bench", "--clients", "0")
	expect(1, "alive", "force-leave", "n1")
	expect(0, "", "leave")
	a.end(exitDone)
	expect(5, "connection refused", "services")
}
