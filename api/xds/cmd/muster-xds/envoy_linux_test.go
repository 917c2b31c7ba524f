package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/musterhq/muster"
)

// envoyBinary is the Envoy that .ci/interop installs, or the one that the machine has.
func envoyBinary(t *testing.T) string {
	t.Helper()
	installed, err := filepath.Glob("../../../../e2e/interop/python/.venv/lib/python3*/site-packages/envoy/_bin/envoy")
	if err == nil && len(installed) > 0 {
		return installed[0]
	}
	found, err := exec.LookPath("envoy")
	switch {
	case err == nil:
	case os.Getenv("MUSTER_REQUIRE_ALL") == "1":
		t.Fatal("missing on this machine: envoy")
	default:
		t.Skip("missing on this machine: envoy")
	}
	return found
}

// startEnvoy runs an Envoy with the README's bootstrap, for another muster-xds and another form of the protocol, until the
// end of the test, and returns where it listens and where its admin pages are.
func startEnvoy(t *testing.T, ads, form string) (listener, admin string) {
	t.Helper()
	binary := envoyBinary(t)
	listener, admin = freeAddress(t), freeAddress(t)
	config := snippet(t, "envoy bootstrap")
	for _, change := range [][2]string{
		{"port_value: 18000", "port_value: " + port(ads)},
		{"port_value: 10000", "port_value: " + port(listener)},
		{"api_type: DELTA_GRPC", "api_type: " + form},
	} {
		if strings.Count(config, change[0]) != 1 {
			t.Fatalf("the README's bootstrap has %q not once", change[0])
		}
		config = strings.Replace(config, change[0], change[1], 1)
	}
	config += "admin: {address: {socket_address: {address: 127.0.0.1, port_value: " + port(admin) + "}}}\n"
	file := filepath.Join(t.TempDir(), "envoy.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-c", file, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warning")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	log := &lines{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Envoy logged:\n%s", log)
		}
	})
	return listener, admin
}

// freeAddress is an address that nobody listens at, for a program that cannot say at which it does.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func port(address string) string {
	_, p, _ := net.SplitHostPort(address)
	return p
}

// serveHTTP is a backend that says its name.
func serveHTTP(t *testing.T, name string) (address string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) }))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// caller calls a service through an Envoy, by its host.
func caller(t *testing.T, envoy, host string) (h *hits, call func()) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
	t.Cleanup(client.CloseIdleConnections)
	h = &hits{}
	return h, func() {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+envoy+"/", nil)
		if err != nil {
			h.fail(err)
			return
		}
		req.Host = host
		res, err := client.Do(req)
		if err != nil {
			h.fail(err)
			return
		}
		defer func() { _ = res.Body.Close() }()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			h.fail(fmt.Errorf("status %d: %s (%w)", res.StatusCode, b, err))
			return
		}
		h.add(string(b))
	}
}

// live waits until Envoy has all that it waits for, and takes requests.
func live(t *testing.T, admin string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	eventually(t, "Envoy is live", func() bool {
		res, err := client.Get("http://" + admin + "/ready")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

func TestEnvoyFollowsServicesWithoutAFailedRequest(t *testing.T) {
	for _, form := range []string{"GRPC", "DELTA_GRPC"} {
		t.Run(form, func(t *testing.T) {
			envoyBinary(t)
			a, server := startNode(t, muster.Config{Node: "a", Datacenter: "dc1", WANBind: "127.0.0.1:0"})
			b, _ := startNode(t, muster.Config{Node: "b", Datacenter: "dc2", WANBind: "127.0.0.1:0", WANJoin: []string{a.WANAddr()}})
			eventually(t, "dc2 is ready", func() bool { ready, _ := b.Ready(); return ready })
			one, two, three, far := serveHTTP(t, "one"), serveHTTP(t, "two"), serveHTTP(t, "three"), serveHTTP(t, "far")
			keyOne := put(t, a, backend("payments", "one", one))
			keyTwo := put(t, a, backend("payments", "two", two))
			put(t, b, backend("payments", "far", far))
			eventually(t, "dc1 knows the instance of dc2", func() bool { return a.Lookup("payments").Len() == 3 })
			x := startCommand(t, "127.0.0.1:0", server.URL)
			envoy, admin := startEnvoy(t, x.ads, form)
			live(t, admin)
			h, call := caller(t, envoy, "payments")
			h.reaches(t, call, "one", "two")

			keyThree := put(t, a, backend("payments", "three", three))
			h.reaches(t, call, "one", "two", "three")
			if err := a.Remove(t.Context(), keyTwo); err != nil {
				t.Fatal(err)
			}
			h.reaches(t, call, "one", "three")
			status := func(key muster.Key, s muster.Status) {
				if _, err := a.SetOverride(t.Context(), key, s, ""); err != nil {
					t.Fatal(err)
				}
			}
			status(keyOne, muster.StatusDown)
			// Half of the data centre is healthy: Envoy gives it 1.4 times as much of the requests, and the rest to the next one.
			h.reaches(t, call, "three", "far")
			status(keyOne, muster.StatusOutOfService)
			h.avoids(t, call, "one")
			status(keyThree, muster.StatusOutOfService)
			h.reaches(t, call, "far") // And not those that an operator has taken out, as it would in panic.
			status(keyOne, muster.StatusNone)
			h.reaches(t, call, "one")

			x.stop()
			h.reaches(t, call, "one")
			status(keyThree, muster.StatusNone)
			y := startCommand(t, x.ads, server.URL)
			h.reaches(t, call, "one", "three")

			put(t, a, backend("Later", "two", two))
			later, callLater := caller(t, envoy, "later.muster:80")
			later.reaches(t, callLater, "two")
			noFailure(t, h)
			y.noRefusal(t)
		})
	}
}

// An Envoy that starts before the services are known starts late, and not empty.
func TestEnvoyWaitsForTheFirstSync(t *testing.T) {
	envoyBinary(t)
	a, _, servers := startPair(t)
	put(t, a, backend("payments", "one", serveHTTP(t, "one")))
	gate := newGate(t, servers[0])
	x := startCommand(t, "127.0.0.1:0", gate.URL)
	envoy, admin := startEnvoy(t, x.ads, "DELTA_GRPC")
	eventually(t, "Envoy asks", func() bool {
		_, metrics := x.page(t, "/metrics")
		return strings.Contains(metrics, `muster_xds_streams{form="delta"} 1`)
	})
	if c, err := net.Dial("tcp", envoy); err == nil {
		_ = c.Close()
		t.Error("Envoy takes requests before it knows anything")
	}
	gate.open()
	live(t, admin)
	h, call := caller(t, envoy, "payments")
	h.reaches(t, call, "one")
	noFailure(t, h)
	x.noRefusal(t)
}
