package consul

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

// The death of a home is told of the node, and not of the instances, which its heirs take over.
func TestAFailedMemberIsCriticalAndItsInstancesAreNot(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	node.AddMember(muster.Member{Name: "n9", Datacenter: "dc1", Zone: "b", State: "failed", Address: "10.0.0.9:7946"})
	node.AddMember(muster.Member{Name: "n8", Datacenter: "dc1", State: "left", Address: "10.0.0.8:7946"})
	api := New(node, Config{})
	if err := node.Learn("dc1", muster.Instance{Service: "s", ID: "i", Address: "10.1.1.1", Port: 1}); err != nil { // Its home is n9.
		t.Fatal(err)
	}
	all := read[[]healthEntry](t, api, "/v1/health/service/s?passing")
	if len(all) != 1 || all[0].Node.Node != "n9" || all[0].Node.Address != "10.0.0.9" || all[0].Node.Meta["muster-zone"] != "b" {
		t.Errorf("found %+v", all)
	}
	for path, want := range map[string]string{"/v1/health/node/n9": critical, "/v1/health/node/n1": passing} {
		if checks := read[[]wireCheck](t, api, path); len(checks) == 0 || checks[0].CheckID != serfHealth || checks[0].Status != want {
			t.Errorf("%s: %+v", path, checks)
		}
	}
	if nodes := read[[]wireNode](t, api, "/v1/catalog/nodes"); len(nodes) != 2 || nodes[0].Node != "n1" || nodes[1].Node != "n9" {
		t.Errorf("nodes %+v", nodes)
	}
	var states []int
	for _, m := range read[[]wireMember](t, api, "/v1/agent/members") {
		states = append(states, m.Status)
	}
	if len(states) != 3 || states[0] != 1 || states[1] != 4 || states[2] != 3 {
		t.Errorf("states %v", states)
	}
}

// near puts this node first, then those that answer soonest.
func TestNearSortsByRoundTrips(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	for name, rtt := range map[string]string{"a2": "9ms", "b3": "1ms", "c4": ""} {
		node.AddMember(muster.Member{Name: name, Datacenter: "dc1", State: "alive", Address: "10.0.0.1:1", RTT: rtt})
	}
	api := New(node, Config{})
	put(t, node, muster.Instance{Service: "s", ID: "i"})
	for _, name := range []string{"a2", "b3", "c4"} {
		must(t, api, http.MethodPut, "/v1/catalog/register", `{"Node":"`+name+`","Address":"x","Service":{"Service":"s","ID":"at-`+name+`","Address":"h"}}`)
	}
	for near, want := range map[string]string{"": "a2 b3 c4 n1", "?near=_agent": "n1 b3 a2 c4", "?near=n1": "n1 b3 a2 c4", "?near=other": "a2 b3 c4 n1"} {
		var got []string
		for _, e := range read[[]healthEntry](t, api, "/v1/health/service/s"+near) {
			got = append(got, e.Node.Node)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("near %q: %v, want %s", near, got, want)
		}
	}
}

// An instance without an address has that of its client, and what a proxy says of it is not believed.
func TestTheAddressOfTheCallerFillsAnEmptyOne(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"10.9.8.7:1": "10.9.8.7", "127.0.0.1:1": "127.0.0.1", "[::1]:1": "127.0.0.1", "[fe80::1%eth0]:1": "fe80::1",
		"[::ffff:10.0.0.1]:1": "10.0.0.1", "@": "127.0.0.1",
	} {
		node := apitest.New()
		api := New(node, Config{})
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/v1/agent/service/register", strings.NewReader(`{"Name":"s"}`))
		req.RemoteAddr = remote
		req.Header.Set("X-Forwarded-For", "6.6.6.6")
		w := httptest.NewRecorder()
		api.ServeHTTP(w, req)
		if inst, _ := node.Find("default", "s").Instance("s"); w.Code != 200 || inst == nil || inst.Address != want {
			t.Errorf("%s: %d %s, %+v", remote, w.Code, w.Body, inst)
		}
	}
}

// An agent lists what is homed at it, of whatever dialect, and finds everything.
func TestAnAgentListsWhatIsHomedAtIt(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	api := New(node, Config{})
	if err := node.Learn("dc1", muster.Instance{Service: "s", ID: "there", Address: "10.1.1.1", Port: 1}); err != nil {
		t.Fatal(err)
	}
	must(t, api, http.MethodPut, "/v1/agent/service/register", `{"Name":"s","ID":"here","Port":1,"Check":{"TTL":"9s"}}`)
	must(t, api, http.MethodPut, "/v1/catalog/register", `{"Node":"ext","Address":"x","Service":{"Service":"s","ID":"ext"}}`)
	put(t, node, muster.Instance{Service: "s", ID: "native"})
	services := read[map[string]agentService](t, api, "/v1/agent/services")
	if len(services) != 2 || services["here"].Service != "s" || services["native"].Service != "s" {
		t.Errorf("services %v", services)
	}
	if checks := read[map[string]wireCheck](t, api, "/v1/agent/checks"); len(checks) != 2 || checks["service:here"].Type != "ttl" {
		t.Errorf("checks %v", checks)
	}
	if s := read[agentService](t, api, "/v1/agent/service/there"); s.ID != "there" {
		t.Errorf("found %+v", s)
	}
	if n := len(read[[]any](t, api, "/v1/health/service/s")); n != 4 {
		t.Errorf("%d are found", n)
	}
}
