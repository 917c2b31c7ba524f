package proc

import (
	"net/http"
	"testing"
	"time"

	"github.com/musterhq/muster/api/consul/consultest"
)

// The table of conformance of the Consul dialect, against the program itself: all of it, with a process for each case.
func TestTheProgramAnswersConsulsClientsAsTheTableSays(t *testing.T) {
	t.Parallel()
	cases, err := consultest.Load("../../api/consul/testdata/golden")
	if err != nil {
		t.Fatal(err)
	}
	bin := binary(t)
	direct := &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(direct.CloseIdleConnections)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			flags := []string{"--zone", "a"}
			if c.Needs("not") {
				flags = append(flags, "--join", "127.0.0.1:1")
			}
			a := startAgent(t, bin, "n1", flags...)
			c.Run(t, consultest.Target{URL: a.http, Client: direct, Wait: time.Sleep, Ready: func(bool) {}})
		})
	}
}

// A client may speak to any node about any instance: its home, the others, and those that are left when the home has
// been killed. An index of one node makes nobody wait at another.
func TestConsulsClientsMaySpeakToAnyNode(t *testing.T) {
	t.Parallel()
	agents := cluster(t, binary(t), 3)
	do := func(a *agent, method, path, body string, want int) {
		t.Helper()
		if status := send(t, method, a.http+"/v1/"+path, body); status != want {
			t.Fatalf("%s: %s %s: %d, want %d", a.name, method, path, status, want)
		}
	}
	body := `{"Name":"web","ID":"w1","Address":"10.0.0.1","Port":80,"Check":{"TTL":"3s"}}`
	do(agents[0], http.MethodPut, "agent/service/register", body, 200)
	health := func(a *agent, want int) func() bool {
		return func() bool { return send(t, http.MethodGet, a.http+"/v1/agent/health/service/id/w1", "") == want }
	}
	for _, a := range agents {
		soon(t, a.name+" has it, critical", health(a, 503))
	}
	do(agents[1], http.MethodPut, "agent/check/pass/service:w1", "", 200)
	for _, a := range agents {
		soon(t, a.name+" has it passing", health(a, 200))
	}
	do(agents[2], http.MethodPut, "agent/service/maintenance/w1?enable=true", "", 200)
	for _, a := range agents {
		soon(t, a.name+" knows of its maintenance", health(a, 503))
	}
	do(agents[1], http.MethodPut, "agent/service/maintenance/w1?enable=false", "", 200)
	do(agents[2], http.MethodPut, "agent/service/register", body, 200) // As a client does behind a load balancer.

	at := index(t, agents[0], "/v1/health/service/web")
	began := time.Now()
	if index(t, agents[1], "/v1/health/service/web?wait=10s&index="+at) == at || time.Since(began) > 5*time.Second {
		t.Error("an index of another node makes a client wait")
	}

	agents[0].kill()
	// It is reported as before, and never falls out: neither critical in between, nor unknown.
	for end := time.Now().Add(6 * time.Second); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		do(agents[1], http.MethodPut, "agent/check/pass/service:w1", "", 200)
		if !health(agents[2], 200)() {
			t.Error("after the death of its home an instance that is reported is not passing")
		}
	}
	soon(t, "it is critical when nobody reports it", health(agents[2], 503))
	do(agents[2], http.MethodPut, "agent/service/deregister/w1", "", 200)
	for _, a := range agents[1:] {
		soon(t, a.name+" knows that it is gone", health(a, 404))
	}
	do(agents[1], http.MethodPut, "agent/check/pass/service:w1", "", 404)
}

// index is the one that comes with an answer.
func index(t *testing.T, a *agent, path string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.http+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.Header.Get("X-Consul-Index")
}
