package proc

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/api/eureka/eurekatest"
)

// The table of conformance of the Eureka dialect, against the program itself: all of it but the one case that needs a
// clock that can be set. Cases that look at deltas, which remember, or that need more than one node that is ready, have
// agents of their own.
func TestTheProgramAnswersEurekasClientsAsTheTableSays(t *testing.T) {
	t.Parallel()
	cases, err := eurekatest.Load("../../api/eureka/testdata/golden")
	if err != nil {
		t.Fatal(err)
	}
	bin := binary(t)
	shared := startAgent(t, bin, "eureka")
	ran := 0
	for _, c := range cases {
		needs := c.Needs()
		target := eurekatest.Target{Base: "/eureka", Wait: time.Sleep, Ready: func(bool) {}}
		switch {
		case slices.Contains(needs, "advance"):
			continue
		case slices.Contains(needs, "not"):
			target.URLs = urls(startAgent(t, bin, c.Name, "--join", "127.0.0.1:1"))
		case slices.Contains(needs, "node"):
			target.URLs = urls(cluster(t, bin, 2)...)
		case slices.Contains(needs, "wait") || c.Mentions("delta"):
			target.URLs = urls(startAgent(t, bin, c.Name))
		default:
			target.URLs = urls(shared)
		}
		ran++
		t.Run(c.Name, func(t *testing.T) {
			c.Run(t, target)
			cancelAll(t, target.URLs[0])
		})
	}
	if ran != 42 {
		t.Errorf("%d cases ran, want 42", ran)
	}
}

func urls(agents ...*agent) (out []string) {
	for _, a := range agents {
		out = append(out, a.http)
	}
	return out
}

// cancelAll takes every instance out that there is, so that the next case begins with none.
func cancelAll(t *testing.T, url string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/eureka/apps", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusServiceUnavailable {
		return // It never was ready.
	}
	var all struct {
		Applications struct {
			Application []struct {
				Name     string
				Instance []struct{ InstanceID string }
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	for _, app := range all.Applications.Application {
		for _, inst := range app.Instance {
			path := url + "/eureka/apps/" + app.Name + "/" + inst.InstanceID
			remove(t, path+"/status?value=UP") // An operator's decision waits for the instance to come back.
			remove(t, path)
		}
	}
}

func remove(t *testing.T, url string) {
	t.Helper()
	send(t, http.MethodDelete, url, "")
}

// A node that is told of another server keeps it up to date: what registers and what goes, and what was there before. The
// other server here is an agent of a cluster of its own.
func TestTheProgramKeepsAnotherServerUpToDate(t *testing.T) {
	t.Parallel()
	bin := binary(t)
	other := startAgent(t, bin, "other")
	before := `{"instance":{"instanceId":"before","hostName":"h","app":"OLD","ipAddr":"10.0.0.1","dataCenterInfo":{"name":"MyOwn"}}}`
	if status := send(t, http.MethodPost, other.http+"/eureka/apps/OLD", before); status != http.StatusNoContent {
		t.Fatal(status)
	}
	n := startAgent(t, bin, "n1", "--eureka-peer", other.http+"/eureka/")
	found := func(a *agent, path string) func() bool {
		return func() bool { return send(t, http.MethodGet, a.http+"/eureka/apps/"+path, "") == http.StatusOK }
	}
	soon(t, "what was registered there is found here", found(n, "OLD/before"))
	if status := send(t, http.MethodPost, n.http+"/eureka/apps/MYAPP", eurekatest.Body); status != http.StatusNoContent {
		t.Fatal(status)
	}
	soon(t, "what registers here is found there", found(other, "MYAPP/i1"))
	remove(t, n.http+"/eureka/apps/MYAPP/i1")
	soon(t, "what goes here is gone there", func() bool { return !found(other, "MYAPP/i1")() })
	if !found(other, "OLD/before")() {
		t.Error("what the other server has by itself is gone there")
	}
}

// soon waits for something to become true.
func soon(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 5 s: %s", what)
		}
	}
}

// send sends a request and is the status of the answer.
func send(t *testing.T, method, url, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}
