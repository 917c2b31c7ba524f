package proc

import (
	"os"
	"strings"
	"testing"
	"time"
)

// wan is where an agent takes links from other data centres.
func (a *agent) wan() string {
	for line := range strings.Lines(a.said()) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "wan" {
			return f[1]
		}
	}
	a.t.Fatalf("%s is no gateway", a.name)
	return ""
}

// Two data centres of one gateway each, HTTPS and mutual TLS between them. One is killed without a word: the other says in
// words which data centre cannot be reached, since when, what is kept, and what to do; after a while it leaves its instances
// out of answers and says that too; and when the gateway is back, nothing is wrong any more.
func TestTheDoctorSaysThatADatacenterIsGoneAndThatItIsBack(t *testing.T) {
	bin := binary(t)
	ca := newAuthority(t, bin)
	ca.commands()
	start := func(dc, name string, flags ...string) *agent {
		if _, err := os.Stat(ca.file(name + ".pem")); err != nil {
			ca.make("server", name)
		}
		a := &agent{t: t, name: name, bin: bin, client: ca.client(true)}
		a.launch(append(append([]string{"--dc", dc, "--bind", "127.0.0.1:0", "--http", "127.0.0.1:0", "--wan-bind", "127.0.0.1:0", "--encrypt", clusterKey}, ca.flags(name)...), flags...)...)
		a.waitReady(20 * time.Second)
		return a
	}
	a := start("dc1", "a1", "--remote-max-age", "12s")
	b := start("dc2", "b1", "--wan-join", a.wan())
	a.register("web", "1", "10m")
	b.register("web", "2", "10m")
	both := func() bool { return len(a.instances("web?dc=*")) == 2 && len(b.instances("web?dc=*")) == 2 }
	a.until(20*time.Second, "holding what both have", both)
	if out, status := a.cli("members", "--wan"); status != 0 || strings.Count(out, " TLS ") != 2 {
		t.Errorf("muster members --wan: exit status %d:\n%s", status, out)
	}
	if log := a.said(); !strings.Contains(log, "links are encrypted") || !strings.Contains(log, "security=TLS") {
		t.Errorf("it does not say what protects its links:\n%s", log)
	}
	well := func() bool {
		_, status := a.cli("doctor")
		return status == 0
	}
	a.until(10*time.Second, "well", well)

	b.kill()
	gone := time.Now().Add(-time.Second).UTC()
	var out string
	a.until(20*time.Second, "missing it", func() bool {
		var status int
		out, status = a.cli("doctor")
		return status == 7 && strings.Contains(out, "datacenter dc2: it cannot be reached by any path: its one instance is kept, and marked preserved") &&
			strings.Contains(out, "gateway dc2/b1: it does not answer")
	})
	t.Logf("%v after the kill:\n%s", time.Since(gone), out)
	for _, want := range []string{
		"dc2 has not been reachable by any path since ", ", when dc1/a1 reached it last: its one instance is kept as last known",
		"to do: see that a gateway runs on each side",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	var kept struct {
		Datacenters []struct {
			Datacenter, Summary string
			Reachable, Hidden   bool
			Since               time.Time
			Instances           int
			Gateways            []string
		}
		Scopes []scopeState
	}
	a.get("/api/v1/self-preservation", &kept)
	if len(kept.Datacenters) != 1 || kept.Datacenters[0].Reachable || kept.Datacenters[0].Since.Before(gone.Add(-10*time.Second)) || kept.Datacenters[0].Instances != 1 {
		t.Errorf("self-preservation: %+v", kept.Datacenters)
	}
	if got := a.instances("web?dc=*"); len(got) != 2 || !got["2"].Preserved {
		t.Errorf("it answers %+v", got)
	}

	a.until(20*time.Second, "hiding it", func() bool { return len(a.instances("web?dc=*")) == 1 })
	if out, status := a.cli("doctor"); status != 7 || !strings.Contains(out, "its one instance is kept, and left out of answers") {
		t.Errorf("exit status %d:\n%s", status, out)
	}
	if metrics := string(a.must("GET", "/metrics", nil, 200)); !strings.Contains(metrics, `muster_datacenter_hidden_instances{datacenter="dc2"} 1`) {
		t.Error("the metrics do not count what is hidden")
	}

	b = start("dc2", "b1", "--wan-join", a.wan())
	back := time.Now()
	a.until(30*time.Second, "holding what both have", both)
	a.until(30*time.Second, "well", well)
	t.Logf("well %v after it was back", time.Since(back))
}
