package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// newCertificates makes an authority, the certificate of the node n1, and that of a client, in a new folder.
func newCertificates(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, args := range [][]string{{"ca"}, {"server", "n1", "--host", "localhost"}, {"client", "client"}} {
		if got := invoke(t, nil, append(append([]string{"tls"}, args...), "--dir", dir)...); got.status != 0 {
			t.Fatalf("muster tls %v: exit status %d: %s", args, got.status, got.errs)
		}
	}
	return dir
}

// asClient is the environment of a client that has what newCertificates made.
func asClient(url, dir string) map[string]string {
	return map[string]string{
		"MUSTER_SERVER": url, "MUSTER_CA_FILE": filepath.Join(dir, "ca.pem"),
		"MUSTER_CLIENT_CERT": filepath.Join(dir, "client.pem"), "MUSTER_CLIENT_KEY": filepath.Join(dir, "client-key.pem"),
	}
}

func TestCertificatesAreMadeAndNeverOverwritten(t *testing.T) {
	dir := newCertificates(t)
	for _, name := range []string{"ca.pem", "ca-key.pem", "n1.pem", "n1-key.pem", "client.pem", "client-key.pem"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	for _, args := range [][]string{{"ca"}, {"server", "n1"}, {"client", "client"}} {
		got := invoke(t, nil, append(append([]string{"tls"}, args...), "--dir", dir)...)
		if got.status != exitFailed || got.out != "" || !strings.Contains(got.errs, " is there already: remove it first, or give another name") {
			t.Errorf("muster tls %v: exit status %d: %s%s", args, got.status, got.out, got.errs)
		}
	}
}

// A node with all three files serves those who show a certificate, and the commands show theirs.
func TestCommandsSpeakToANodeByTLS(t *testing.T) {
	dir := newCertificates(t)
	file := func(name string) string { return filepath.Join(dir, name) }
	a := startAgent(t, nil, append(loopback("n1"), "--tls-cert", file("n1.pem"), "--tls-key", file("n1-key.pem"), "--tls-client-ca", file("ca.pem"))...)
	if !strings.HasPrefix(a.url, "https://127.0.0.1:") {
		t.Fatalf("it serves %s", a.url)
	}
	vars := asClient(a.url, dir)
	for words, args := range map[string][]string{
		"127.0.0.1:": {"members"}, "agrees": {"verify"}, "payments-10.0.0.5-8080": {"register", "payments", "--address", "10.0.0.5", "--port", "8080"},
		"register    10": {"bench", "--instances", "10", "--services", "1", "--clients", "1", "--watchers", "1", "--duration", "20ms"},
	} {
		if got := invoke(t, vars, args...); got.status != exitDone || !strings.Contains(got.out, words) {
			t.Errorf("muster %v: exit status %d: %s%s", args, got.status, got.out, got.errs)
		}
	}
	ca, cert, key := file("ca.pem"), file("client.pem"), file("client-key.pem")
	if got := invoke(t, nil, "services", "--server", a.url, "--ca-file", ca, "--client-cert", cert, "--client-key", key); got.status != exitDone {
		t.Errorf("by flags: exit status %d: %s", got.status, got.errs)
	}
	for _, c := range []struct {
		status int
		words  string
		vars   map[string]string
	}{
		{exitUnreachable, "has a certificate of an authority that is unknown here: give that with --ca-file", map[string]string{"MUSTER_SERVER": a.url}},
		{exitNotAllowed, "give it with --client-cert and --client-key", map[string]string{"MUSTER_SERVER": a.url, "MUSTER_CA_FILE": ca}},
		{exitFailed, "speaks HTTPS: give its URL with https://", map[string]string{"MUSTER_SERVER": "http" + strings.TrimPrefix(a.url, "https")}},
	} {
		got := invoke(t, c.vars, "services")
		if got.status != c.status || !strings.Contains(got.errs, c.words) {
			t.Errorf("exit status %d, want %d and %q: %s", got.status, c.status, c.words, got.errs)
		}
		oneLine(t, got.errs)
	}
	a.terminate()
}

// The expiry is a metric and a finding, and a second node is asked by TLS.
func TestTheDoctorAsksByTLSAndKnowsWhenTheCertificateExpires(t *testing.T) {
	dir := newCertificates(t)
	file := func(name string) string { return filepath.Join(dir, name) }
	if got := invoke(t, nil, "tls", "server", "short", "--days", "3", "--dir", dir); got.status != exitDone {
		t.Fatal(got.errs)
	}
	secure := func(name string) []string {
		return []string{"--tls-cert", file(name + ".pem"), "--tls-key", file(name + "-key.pem"), "--tls-client-ca", file("ca.pem")}
	}
	n1 := startAgent(t, nil, append(loopback("n1"), secure("n1")...)...)
	n2 := startAgent(t, nil, append(append(loopback("n2"), secure("short")...), "--join", n1.gossip)...)
	if got := invoke(t, asClient(n1.url, dir), "doctor"); got.status != exitDone || !strings.Contains(got.out, "nothing is wrong that dc1/n1 can see") {
		t.Errorf("exit status %d: %s%s", got.status, got.out, got.errs)
	}
	got := invoke(t, asClient(n2.url, dir), "doctor")
	if got.status != exitFalse || !strings.Contains(got.out, "node n2: its certificate expires in 2 days") || strings.Count(got.out, "why:") != 1 {
		t.Errorf("exit status %d: %s%s", got.status, got.out, got.errs)
	}
	var expires time.Time
	for line := range strings.Lines(metricsOf(t, asClient(n2.url, dir))) {
		if text, ok := strings.CutPrefix(line, "muster_tls_certificate_expiry_seconds "); ok {
			seconds, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err != nil {
				t.Fatal(err)
			}
			expires = time.Unix(int64(seconds), 0)
		}
	}
	if left := time.Until(expires); left < 71*time.Hour || left > 72*time.Hour {
		t.Errorf("expires %v", expires)
	}
	n2.terminate()
	n1.terminate()
}

// metricsOf is what a node serves to those who scrape it.
func metricsOf(t *testing.T, vars map[string]string) string {
	t.Helper()
	a := &app{env: environmentOf(vars, nil)}
	a.client.timeout = 5 * time.Second
	r, err := a.remote()
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	body, err := r.get(t.Context(), "/metrics", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
