package consul

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

// farAway is a node that knows of dc2, with an instance that is homed there, one at a node that is no member, and
// maintenance of a node that has the name of one here.
func farAway(t *testing.T) (*apitest.Fake, *API) {
	t.Helper()
	node := apitest.New()
	for _, inst := range []muster.Instance{
		{Service: "s", ID: "i", Address: "10.1.1.1", Port: 1, Tags: []string{"v1"}},
		{Service: "s", ID: "x", Address: "10.1.1.2", Port: 1, Permanent: true, Attributes: map[string]string{attrNode: "ext", attrSource: sourceCatalog}},
		{Namespace: nodesNamespace, Service: "dc2", ID: "ext", Address: "10.1.1.9", Permanent: true, Metadata: map[string]string{"rack": "7"}, Attributes: map[string]string{attrSource: sourceCatalog}},
	} {
		if err := node.Learn("dc2", inst); err != nil {
			t.Fatal(err)
		}
	}
	return node, New(node, Config{})
}

// What is in another data centre is found by those who ask for it, and by nobody else.
func TestAnotherDatacenterIsAskedForByName(t *testing.T) {
	t.Parallel()
	_, api := farAway(t)
	for path, want := range map[string]int{
		"/v1/health/service/s": 0, "/v1/health/service/s?dc=dc2": 2, "/v1/health/service/s?dc=dc2&passing&tag=v1": 1,
		"/v1/health/service/s?dc=dc2&node-meta=rack:7": 1,
		"/v1/catalog/service/s":                        0, "/v1/catalog/service/s?datacenter=dc2&dc=dc1": 2,
		"/v1/health/checks/s": 0, "/v1/health/checks/s?dc=dc2": 1,
		"/v1/health/state/any": 1, "/v1/health/state/any?dc=dc2": 2, // serfHealth of the member, and the check of the lease
		"/v1/catalog/nodes": 1, "/v1/catalog/nodes?dc=dc2": 2, "/v1/catalog/nodes?dc=dc2&node-meta=rack:7": 1,
		"/v1/health/node/n9": 0, "/v1/health/node/n9?dc=dc2": 2, "/v1/health/node/n1?dc=dc2": 0,
	} {
		if all := read[[]any](t, api, path); len(all) != want {
			t.Errorf("%s: %v, want %d", path, all, want)
		}
	}
	if names := read[map[string][]string](t, api, "/v1/catalog/services?dc=dc2"); len(names) != 1 || len(names["s"]) != 1 {
		t.Errorf("services %v", names)
	}
	for _, e := range read[[]healthEntry](t, api, "/v1/health/service/s?dc=dc2") {
		if e.Node.Datacenter != "dc2" || e.Node.Node != "n9" && (e.Node.Node != "ext" || e.Node.Address != "10.1.1.9") {
			t.Errorf("%s is at %+v", e.Service.ID, e.Node)
		}
	}
	at := read[struct {
		Node     wireNode
		Services []agentService
	}](t, api, "/v1/catalog/node-services/ext?dc=dc2")
	if at.Node.Meta["rack"] != "7" || len(at.Services) != 1 || at.Services[0].Datacenter != "dc2" {
		t.Errorf("at ext %+v", at)
	}
}

// A data centre that nothing is known of is refused, by the words that clients of Consul know; one that only the gateways
// know of is empty.
func TestADatacenterIsKnownByInstancesOrByTheGateways(t *testing.T) {
	t.Parallel()
	node, api := farAway(t)
	for _, path := range []string{"health/service/s", "catalog/service/s", "catalog/nodes", "catalog/services"} {
		w := ask(t, api, http.MethodGet, "/v1/"+path+"?dc=dc3", "")
		if w.Code != http.StatusInternalServerError || w.Body.String() != "No path to datacenter" {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	node.SetDistances(muster.Distance{Datacenter: "dc3"})
	for _, path := range []string{"health/service/s", "catalog/service/s", "catalog/nodes"} {
		if w := ask(t, api, http.MethodGet, "/v1/"+path+"?dc=dc3", ""); w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != "[]" {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// This data centre is first; then the others, by round trip, by name where it is the same, and last those without one.
func TestDatacentersAreListedNearestFirst(t *testing.T) {
	t.Parallel()
	node, api := farAway(t)
	node.SetDistances(
		muster.Distance{Datacenter: "far", RTT: 80 * time.Millisecond}, muster.Distance{Datacenter: "b", RTT: 9 * time.Millisecond},
		muster.Distance{Datacenter: "a", RTT: 9 * time.Millisecond}, muster.Distance{Datacenter: "unknown"}, muster.Distance{Datacenter: "dc1", RTT: 1},
	)
	if dcs := read[[]string](t, api, "/v1/catalog/datacenters"); strings.Join(dcs, " ") != "dc1 a b far dc2 unknown" {
		t.Errorf("data centres %v", dcs)
	}
}

// Nodes of several data centres may have one name: the maintenance of one is not that of the other.
func TestTheMaintenanceOfANodeIsThatOfItsDatacenter(t *testing.T) {
	t.Parallel()
	node, api := farAway(t)
	put(t, node, muster.Instance{Service: "s", ID: "here", Address: "10.0.0.1", Port: 1})
	if err := node.Learn("dc2", muster.Instance{Service: "s", ID: "same", Address: "10.1.1.3", Port: 1, Permanent: true, Attributes: map[string]string{attrNode: "n1"}}); err != nil {
		t.Fatal(err)
	}
	must(t, api, http.MethodPut, "/v1/agent/maintenance?enable=true", "")
	for path, want := range map[string]int{"/v1/health/service/s?passing": 0, "/v1/health/service/s?passing&dc=dc2": 3} {
		if all := read[[]any](t, api, path); len(all) != want {
			t.Errorf("%s: %v, want %d", path, all, want)
		}
	}
}

// Instances of a data centre that cannot be reached are preserved, and shown as all that are.
func TestWhatIsPreservedElsewhereIsShown(t *testing.T) {
	t.Parallel()
	node, api := farAway(t)
	for _, id := range []string{"i", "x"} { // One with a lease, and one without.
		node.Preserve(muster.Key{Namespace: "default", Service: "s", ID: id})
	}
	all := read[[]healthEntry](t, api, "/v1/health/service/s?dc=dc2&passing")
	if len(all) != 2 || all[0].Service.ID != "x" || all[1].Service.ID != "i" || all[1].Node.Node != "n9" {
		t.Fatalf("got %+v", all)
	}
	for _, e := range all {
		last := e.Checks[len(e.Checks)-1]
		if !strings.Contains(last.Output, "preserved") || last.Status != passing {
			t.Errorf("%s: %+v", e.Service.ID, e.Checks)
		}
	}
}

// Who waits at a service of another data centre is woken by it.
func TestWhoWaitsAtAnotherDatacenterIsWoken(t *testing.T) {
	t.Parallel()
	node, api := farAway(t)
	for n, path := range []string{"/v1/health/service/s", "/v1/catalog/nodes", "/v1/catalog/services"} {
		id := "late" + strconv.Itoa(n)
		index := ask(t, api, http.MethodGet, path+"?dc=dc2", "").Header().Get("X-Consul-Index")
		answered := make(chan string, 1)
		go func() {
			answered <- ask(t, api, http.MethodGet, path+"?dc=dc2&wait=20s&index="+index, "").Body.String()
		}()
		if err := node.Learn("dc2", muster.Instance{
			Service: "s", ID: id, Address: "10.1.1.4", Port: 1, Tags: []string{id}, Permanent: true, Attributes: map[string]string{attrNode: id},
		}); err != nil {
			t.Fatal(err)
		}
		select {
		case body := <-answered:
			if !strings.Contains(body, id) {
				t.Errorf("%s does not show %s: %s", path, id, body)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s is not woken", path)
		}
	}
}
