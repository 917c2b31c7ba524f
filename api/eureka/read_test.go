package eureka

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

func ask(t *testing.T, api *API, method, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequest(method, target, nil)
	req.Header.Set("Accept", "application/json")
	for n := 0; n < len(headers); n += 2 {
		req.Header.Set(headers[n], headers[n+1])
	}
	w := httptest.NewRecorder()
	api.ServeHTTP(w, req)
	return w
}

func holds(t *testing.T, body string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
}

// What registered by another protocol is shown with what Eureka's clients need, and nothing that they would fail on.
func TestInstancesOfOtherProtocolsAreShown(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	for _, inst := range []muster.Instance{
		{Service: "pay", ID: "p1", Address: "10.0.0.5", Port: 8080, Metadata: map[string]string{"k": "v"}, TTL: 30 * time.Second, Status: muster.StatusStarting},
		{Service: "tls", ID: "t1", Address: "host", Port: 8443, Secure: true},
		{Service: "both", ID: "b1", Address: "host", Port: 80, Ports: map[string]int{"secure": 443, "grpc": 90}},
		{Namespace: "other", Service: "hidden", ID: "h1", Address: "host", Port: 80},
	} {
		if _, _, err := node.Put(t.Context(), inst); err != nil {
			t.Fatal(err)
		}
	}
	api := New(node, Config{})
	body := ask(t, api, "GET", "/eureka/apps").Body.String()
	holds(t, body, `"apps__hashcode":"STARTING_1_UP_2_"`)
	if strings.Contains(body, "HIDDEN") || strings.Contains(body, `"h1"`) {
		t.Error("an instance of another namespace is shown")
	}
	holds(t, ask(t, api, "GET", "/eureka/apps/PAY/p1").Body.String(), `"hostName":"10.0.0.5","app":"PAY","ipAddr":"10.0.0.5"`,
		`"port":{"$":8080,"@enabled":"true"},"securePort":{"$":443,"@enabled":"false"}`, `"renewalIntervalInSecs":10,"durationInSecs":30,"registrationTimestamp":1767323045000`,
		`"vipAddress":"pay","isCoordinating`, `"lastDirtyTimestamp":"1767323045000"`)
	holds(t, ask(t, api, "GET", "/eureka/vips/tls").Body.String(), `"port":{"$":8443,"@enabled":"false"},"securePort":{"$":8443,"@enabled":"true"}`)
	holds(t, ask(t, api, "GET", "/eureka/svips/tls").Body.String(), `"t1"`)
	holds(t, ask(t, api, "GET", "/eureka/apps/both/b1").Body.String(), `"port":{"$":80,"@enabled":"true"},"securePort":{"$":443,"@enabled":"true"}`)
}

// What is registered here is what the other protocols find.
func TestOtherProtocolsFindWhatRegistersHere(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	api := New(node, Config{})
	body := `{"instance":{"instanceId":"i","hostName":"h.example","app":"Pay","ipAddr":"10.0.0.1","port":{"$":80,"@enabled":"true"},
		"securePort":{"$":443,"@enabled":"true"},"status":"STARTING","metadata":{"zone":"z1"},"vipAddress":"x","dataCenterInfo":{"name":"MyOwn"},
		"leaseInfo":{"renewalIntervalInSecs":5,"durationInSecs":20}}}`
	req := httptest.NewRequest(http.MethodPost, "/eureka/apps/PAY", strings.NewReader(body))
	w := httptest.NewRecorder()
	if api.ServeHTTP(w, req); w.Code != http.StatusNoContent {
		t.Fatal(w.Code, w.Header())
	}
	inst, _ := node.Find("default", "pay").Instance("i")
	if inst == nil || inst.Address != "10.0.0.1" || inst.Port != 80 || inst.Ports["secure"] != 443 || inst.Zone != "z1" || inst.TTL != 20*time.Second ||
		inst.Status != muster.StatusStarting || inst.Metadata["zone"] != "z1" || inst.Attributes["eureka.vipAddress"] != "x" || inst.Attributes["eureka.hostName"] != "h.example" {
		t.Errorf("got %+v", inst)
	}
}

// Other data centres are shown to those who name them, and cannot be changed from here.
func TestOtherDataCentresAreShownToThoseWhoNameThem(t *testing.T) {
	t.Parallel()
	node := filled(t, 1)
	if err := node.Learn("dc2", muster.Instance{Service: "far", ID: "f1", Address: "host", Port: 80}); err != nil {
		t.Fatal(err)
	}
	api := New(node, Config{})
	for target, shown := range map[string]bool{
		"/eureka/apps": false, "/eureka/apps?regions=": false, "/eureka/apps?regions=dc3": false, "/eureka/apps?regions=dc3,dc2": true,
		"/eureka/apps/FAR": false, "/eureka/apps/FAR/f1": false, "/eureka/instances/f1": false, "/eureka/vips/far": false, "/eureka/apps/delta": false,
	} {
		if got := strings.Contains(ask(t, api, "GET", target).Body.String(), `"f1"`); got != shown {
			t.Errorf("%s: shown %v, want %v", target, got, shown)
		}
	}
	for _, c := range [][2]string{{"DELETE", ""}, {"PUT", ""}, {"PUT", "/status?value=DOWN"}, {"PUT", "/metadata?a=b"}} {
		if w := ask(t, api, c[0], "/eureka/apps/FAR/f1"+c[1]); w.Code != http.StatusNotFound {
			t.Errorf("%s %s: %d", c[0], c[1], w.Code)
		}
	}
}

// An instance that moves to another data centre is told as gone.
func TestAnInstanceThatMovesAwayIsToldAsGone(t *testing.T) {
	t.Parallel()
	node := filled(t, 1)
	api := New(node, Config{})
	ask(t, api, "GET", "/eureka/apps/delta")
	key := api.latest().segments[0].entries[0].inst.Key()
	for range 2 {
		if err := node.Learn("dc2", muster.Instance{Service: key.Service, ID: key.ID, Address: "host", Port: 80}); err != nil {
			t.Fatal(err)
		}
	}
	holds(t, ask(t, api, "GET", "/eureka/apps/delta").Body.String(), `"apps__hashcode":""`, `"actionType":"DELETED"`)
}

// What has expired and is kept is shown as ever, and counted where the schema does not reach.
func TestPreservedInstancesAreCountedInAHeader(t *testing.T) {
	t.Parallel()
	node := filled(t, 3)
	api := New(node, Config{})
	if got := ask(t, api, "GET", "/eureka/apps").Header().Get("Muster-Preserved"); got != "" {
		t.Errorf("%q before anything is", got)
	}
	node.Preserve(api.latest().segments[0].entries[0].inst.Key())
	w := ask(t, api, "GET", "/eureka/apps")
	holds(t, w.Body.String(), `"UP_3_"`)
	if got := w.Header().Get("Muster-Preserved"); got != "1" {
		t.Errorf("%q", got)
	}
}

// UNKNOWN is how Eureka says that there is no override: to set it takes the one that there is back.
func TestAnOverrideOfUnknownIsNone(t *testing.T) {
	t.Parallel()
	node := filled(t, 1)
	api := New(node, Config{})
	inst := api.latest().segments[0].entries[0].inst
	for _, c := range []struct {
		value     string
		status    muster.Status
		overrides muster.Status
	}{{"DOWN", muster.StatusDown, muster.StatusDown}, {"UNKNOWN", muster.StatusUp, muster.StatusNone}} {
		ask(t, api, "PUT", "/eureka/apps/"+App(inst)+"/"+inst.ID+"/status?value="+c.value)
		if now := api.find(App(inst), inst.ID); now.Status != c.status || now.Override != c.overrides {
			t.Errorf("%s: %v, override %v", c.value, now.Status, now.Override)
		}
	}
}

// The data of the status page, in both languages, and what came and went.
func TestTheStatusPagesData(t *testing.T) {
	t.Parallel()
	node := filled(t, 2)
	node.AddMember(muster.Member{Name: "n2", Datacenter: "dc1", State: "alive"})
	node.AddMember(muster.Member{Name: "n3", Datacenter: "dc1", State: "failed"})
	node.Happen(muster.NodeEventRegistration, "default/pay/a", "registered, home dc1/n1")
	node.Happen(muster.NodeEventRegistration, "default/pay/b", "registered, home dc1/n1")
	node.Happen(muster.NodeEventRegistration, "default/pay/a", "deregistered")
	node.Happen(muster.NodeEventEviction, "default/pay/b", "evicted")
	node.Happen(muster.NodeEventSync, "n2", "caught up")
	api := New(node, Config{})
	holds(t, ask(t, api, "GET", "/eureka/status").Body.String(), `{"status":{"generalStats":{`, `"registered-replicas":"n2,n3"`, `"available-replicas":"n2"`, `"unavailable-replicas":"n3"`, `"isHealthy":true}}`)
	holds(t, ask(t, api, "GET", "/eureka/status", "Accept", "*/*").Body.String(), "<status><generalStats>", "<unavailable-replicas>n3</unavailable-replicas>", "<isHealthy>true</isHealthy></status>")
	holds(t, ask(t, api, "GET", "/eureka/lastn").Body.String(),
		`{"lastRegistered":[{"timestamp":1767323045000,"instance":"default/pay/b","text":"registered, home dc1/n1"},{`,
		`"lastCanceled":[{"timestamp":1767323045000,"instance":"default/pay/b","text":"evicted"},{"timestamp":1767323045000,"instance":"default/pay/a","text":"deregistered"}]}`)
	if got := ask(t, api, "GET", "/eureka/serverinfo/statusoverrides").Body.String(); got != "{}" {
		t.Error(got)
	}
	ask(t, api, "PUT", "/eureka/apps/SERVICE-0/host-00000:service-0:8080/status?value=DOWN")
	if got := ask(t, api, "GET", "/eureka/serverinfo/statusoverrides").Body.String(); got != `{"host-00000:service-0:8080":"DOWN"}` {
		t.Error(got)
	}
	if w := ask(t, api, "PUT", "/eureka/asg/group/status?value=ENABLED"); w.Code != http.StatusBadRequest {
		t.Error(w.Code)
	}
}

// What a server repeats of an instance that it has told before is a renewal and no change; what it tells anew is marked, unless the
// instance registered here itself.
func TestReplicationChangesNothingThatIsNotNew(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	api := New(node, Config{})
	post := func(dirty, status string, replicated bool) (mark string, changed bool) {
		t.Helper()
		before := node.Index()
		body := `{"instance":{"instanceId":"i","hostName":"h","app":"PAY","ipAddr":"10.0.0.1","dataCenterInfo":{"name":"MyOwn"},"status":"` + status + `","lastDirtyTimestamp":"` + dirty + `"}}`
		req := httptest.NewRequest(http.MethodPost, "/eureka/apps/PAY", strings.NewReader(body))
		if replicated {
			req.Header.Set("X-Netflix-Discovery-Replication", "true")
		}
		w := httptest.NewRecorder()
		if api.ServeHTTP(w, req); w.Code != http.StatusNoContent {
			t.Fatal(w.Code)
		}
		inst, _ := node.Find("default", "pay").Instance("i")
		return inst.Attributes["eureka.source"], node.Index() != before
	}
	for n, c := range []struct {
		dirty, status string
		replicated    bool
		mark          string
		changed       bool
	}{
		{"5", "UP", true, "peer", true},
		{"5", "UP", true, "peer", false},
		{"5", "DOWN", true, "peer", true},
		{"6", "DOWN", true, "peer", true},
		{"6", "DOWN", false, "moved", true},
		{"6", "DOWN", true, "moved", false},
		{"7", "UP", true, "moved", true},
		{"6", "DOWN", true, "moved", false},
	} {
		if mark, changed := post(c.dirty, c.status, c.replicated); mark != c.mark || changed != c.changed {
			t.Errorf("%d: mark %q, changed %v, want %q, %v", n, mark, changed, c.mark, c.changed)
		}
	}
}
