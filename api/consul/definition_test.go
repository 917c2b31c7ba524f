package consul

import (
	"net/http"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

// registered is the instance that a registration makes.
func registered(t *testing.T, body string) (*apitest.Fake, *API, *muster.Instance) {
	t.Helper()
	node := apitest.New()
	api := New(node, Config{})
	must(t, api, http.MethodPut, "/v1/agent/service/register", body)
	inst, _ := node.Find(muster.DefaultNamespace, "w").Instance("w")
	if inst == nil {
		t.Fatal("not registered")
	}
	return node, api, inst
}

// Times that Consul raises are raised, and what it takes and the catalog does not is brought within its bounds.
func TestTimesHaveConsulsFloors(t *testing.T) {
	t.Parallel()
	_, _, inst := registered(t, `{"Name":"w","Checks":[
		{"HTTP":"http://h/","Interval":"1ms","Timeout":"-1s","DeregisterCriticalServiceAfter":"1s"},
		{"TCP":"h:1","Interval":"48h","DeregisterCriticalServiceAfter":"100000h","OutputMaxSize":999999,"SuccessBeforePassing":-1,"FailuresBeforeCritical":99999},
		{"TTL":"10ms"}]}`)
	http, tcp, ttl := inst.Checks[0], inst.Checks[1], inst.Checks[2]
	if http.Interval != time.Second || http.DeregisterAfter != time.Minute || http.Timeout < 0 {
		t.Errorf("http: %+v", http)
	}
	if tcp.Interval != 24*time.Hour || tcp.DeregisterAfter > 365*24*time.Hour || tcp.OutputMax != maxOutput || tcp.FailuresBeforeCritical != maxThreshold {
		t.Errorf("tcp: %+v", tcp)
	}
	if ttl.TTL != 10*time.Millisecond || ttl.DeregisterAfter != 0 || ttl.Initial != muster.CheckCritical {
		t.Errorf("ttl: %+v", ttl)
	}
}

// Every kind of check that is run here is what the client said it is.
func TestChecksAreTakenAsTheyAre(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]muster.Check{
		`{"http":"https://h/","method":"HEAD","body":"b","header":{"a":["b"]},"disable_redirects":true,"tls_server_name":"n","tls_skip_verify":true,"interval":"5s","timeout":"2s"}`: {
			HTTP: "https://h/", Method: "HEAD", Body: "b", Header: map[string][]string{"a": {"b"}}, NoRedirect: true, TLSServerName: "n", TLSSkipVerify: true,
			Interval: 5 * time.Second, Timeout: 2 * time.Second, Initial: muster.CheckCritical,
		},
		`{"TCP":"h:1","TCPUseTLS":true,"Interval":"5s","Timeout":"1s","Status":"passing","success_before_passing":2,"failures_before_warning":3,"failures_before_critical":4}`: {
			TCP: "h:1", TLS: true, Interval: 5 * time.Second, Timeout: time.Second, SuccessBeforePassing: 2, FailuresBeforeWarning: 3,
			FailuresBeforeCritical: 4, Initial: muster.CheckPassing,
		},
		`{"GRPC":"h:1/s","GRPCUseTLS":true,"Interval":"5s","Timeout":"1s","Notes":"n"}`: {
			GRPC: "h:1/s", TLS: true, Interval: 5 * time.Second, Timeout: time.Second, Notes: "n", Initial: muster.CheckCritical,
		},
		`{"alias_service":"other"}`: {Alias: "other", Initial: muster.CheckCritical},
		`{"Args":["a","b"],"Interval":"5s","Timeout":"1s"}`: {
			Script: []string{"a", "b"}, Interval: 5 * time.Second, Timeout: time.Second, Initial: muster.CheckCritical,
		},
	} {
		_, _, inst := registered(t, `{"Name":"w","Check":`+body+`}`)
		want.ID, want.Name = "service:w", "Service 'w' check"
		if got := string(encoded(inst.Checks)); got != string(encoded([]muster.Check{want})) {
			t.Errorf("%s\n%s\nwant %s", body, got, encoded([]muster.Check{want}))
		}
	}
}

// A check that is registered again alone keeps its status, and takes what else is new.
func TestACheckThatIsRegisteredAgainKeepsItsStatus(t *testing.T) {
	t.Parallel()
	node, api, _ := registered(t, `{"Name":"w"}`)
	must(t, api, http.MethodPut, "/v1/agent/check/register", `{"Name":"c","ServiceID":"w","TTL":"9s","Status":"passing"}`)
	must(t, api, http.MethodPut, "/v1/agent/check/register", `{"Name":"c","ServiceID":"w","TTL":"8s","Status":"critical","Notes":"new"}`)
	inst, _ := node.Find(muster.DefaultNamespace, "w").Instance("w")
	if len(inst.Checks) != 1 || inst.Checks[0].Notes != "new" || inst.Results[0].Status != muster.CheckPassing {
		t.Errorf("%+v %+v", inst.Checks, inst.Results)
	}
}

// The catalog is told of a node's own instances, and leaves those of another alone.
func TestTheCatalogTellsNodesApart(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	api := New(node, Config{})
	at := func(name, service string) string {
		return `{"Node":"` + name + `","Address":"10.0.0.1","Service":{"ID":"d","Service":"` + service + `"}}`
	}
	find := func(service string) *muster.Instance {
		inst, _ := node.Find(muster.DefaultNamespace, service).Instance("d")
		return inst
	}
	must(t, api, http.MethodPut, "/v1/catalog/register", at("one", "db"))
	must(t, api, http.MethodPut, "/v1/catalog/deregister", `{"Node":"two","ServiceID":"d"}`)
	if find("db") == nil {
		t.Error("it is gone from a node that nobody spoke of")
	}
	if w := ask(t, api, http.MethodPut, "/v1/catalog/register", `{"Node":"two","SkipNodeUpdate":true,"Check":{"Name":"c","ServiceID":"d"}}`); w.Code != http.StatusInternalServerError {
		t.Errorf("a check of another node's instance: %d", w.Code)
	}
	must(t, api, http.MethodPut, "/v1/catalog/register", at("two", "other"))
	if find("db") == nil || find("other") == nil {
		t.Error("an instance at another node is renamed")
	}
	must(t, api, http.MethodPut, "/v1/catalog/register", at("two", "renamed"))
	if find("db") == nil || find("other") != nil || find("renamed") == nil {
		t.Error("an instance at the same node is not renamed")
	}
	if w := ask(t, api, http.MethodPut, "/v1/catalog/register", `{"Node":"one","SkipNodeUpdate":true,"Check":{"Name":"c","ServiceID":"nope"}}`); w.Code != http.StatusInternalServerError {
		t.Errorf("a check of nothing: %d", w.Code)
	}
}
