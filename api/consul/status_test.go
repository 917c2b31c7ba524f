package consul

import (
	"strings"
	"testing"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

// The table of doc.go: what is seen here of instances of other dialects.
func TestStatusesOfOtherDialectsAreChecks(t *testing.T) {
	t.Parallel()
	tcp := []muster.Check{{TCP: "h:1", Name: "port"}}
	for _, c := range []struct {
		name      string
		inst      muster.Instance
		override  muster.Status
		preserved bool
		want      string // id=status of each check
		passing   bool
	}{
		{"a lease", muster.Instance{}, 0, false, "service:i=passing", true},
		{"DOWN", muster.Instance{Status: muster.StatusDown}, 0, false, "service:i=critical", false},
		{"STARTING", muster.Instance{Status: muster.StatusStarting}, 0, false, "service:i=critical", false},
		{"UNKNOWN", muster.Instance{Status: muster.StatusUnknown}, 0, false, "service:i=critical", false},
		{"OUT_OF_SERVICE", muster.Instance{Status: muster.StatusOutOfService}, 0, false, "service:i=critical", false},
		{"preserved", muster.Instance{}, 0, true, "service:i=passing", true},
		{"overridden", muster.Instance{}, muster.StatusOutOfService, false, "service:i=passing _service_maintenance:i=critical", false},
		{"overridden DOWN", muster.Instance{}, muster.StatusDown, false, "service:i=critical", false},
		{"forced UP", muster.Instance{Status: muster.StatusDown}, muster.StatusUp, false, "service:i=passing", true},
		{"a check", muster.Instance{Checks: tcp}, 0, false, "service:i=passing", true},
		{"a check and STARTING", muster.Instance{Checks: tcp, Status: muster.StatusStarting}, 0, false, "service:i=passing _service_status:i=critical", false},
		{"a check, overridden DOWN", muster.Instance{Checks: tcp}, muster.StatusDown, false, "service:i=passing _service_status:i=critical _service_maintenance:i=critical", false},
		{"a check, preserved", muster.Instance{Checks: tcp}, 0, true, "service:i=passing _service_preserved:i=passing", true},
		{"permanent, preserved", muster.Instance{Permanent: true}, 0, true, "_service_preserved:i=passing", true},
		{"permanent", muster.Instance{Permanent: true}, 0, false, "", true},
		{"permanent, DOWN", muster.Instance{Permanent: true, Status: muster.StatusDown}, 0, false, "service:i=critical", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			node := apitest.New()
			api := New(node, Config{})
			c.inst.Service, c.inst.ID = "s", "i"
			key := put(t, node, *c.inst.Clone()) // They share checks, which are completed where they are.
			if c.override != muster.StatusNone {
				override(t, node, key, c.override, "because")
			}
			if c.preserved {
				node.Preserve(key)
			}
			var got, outputs []string
			for _, check := range read[[]wireCheck](t, api, "/v1/health/checks/s") {
				got = append(got, check.CheckID+"="+check.Status)
				outputs = append(outputs, check.Output)
			}
			if c.preserved != strings.Contains(strings.Join(outputs, "\n"), "preserved") {
				t.Errorf("outputs %q", outputs)
			}
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("checks %s, want %s", text, c.want)
			}
			if n := len(read[[]healthEntry](t, api, "/v1/health/service/s?passing")); (n == 1) != c.passing {
				t.Errorf("%d are passing", n)
			}
		})
	}
}

// What registers here is found with its status by other dialects, and what operators decide there is seen here.
func TestChecksAreStatusesOfOtherDialects(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	api := New(node, Config{})
	key := muster.Key{Namespace: muster.DefaultNamespace, Service: "web", ID: "w"}
	status := func() muster.Status {
		t.Helper()
		d, err := node.Detail(key)
		if err != nil {
			t.Fatal(err)
		}
		return d.Status
	}
	must(t, api, "PUT", "/v1/agent/service/register", `{"Name":"web","ID":"w","Port":1,"Check":{"TTL":"9s"}}`)
	for _, c := range []struct {
		path string
		want muster.Status
	}{
		{"check/fail/service:w", muster.StatusDown},
		{"check/pass/service:w", muster.StatusUp},
		{"check/warn/service:w", muster.StatusUp},
		{"service/maintenance/w?enable=true", muster.StatusOutOfService},
		{"service/maintenance/w?enable=false", muster.StatusUp},
	} {
		must(t, api, "PUT", "/v1/agent/"+c.path, "")
		if got := status(); got != c.want {
			t.Errorf("after %s the instance is %v", c.path, got)
		}
	}
	// A decision that is not maintenance is not taken back by ending one.
	override(t, node, key, muster.StatusDown, "")
	must(t, api, "PUT", "/v1/agent/service/maintenance/w?enable=false", "")
	if got := status(); got != muster.StatusDown {
		t.Errorf("the operator's decision is gone: %v", got)
	}
}

// A result that the catalog is told is a status too.
func TestResultsOfTheCatalogAreStatuses(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	api := New(node, Config{})
	register := `{"Node":"ext","Address":"192.168.0.1","Service":{"ID":"d","Service":"db","Port":1},"Check":{"CheckID":"c","ServiceID":"d","Status":"STATUS"}}`
	for _, c := range []struct {
		status string
		want   muster.Status
	}{{"critical", muster.StatusDown}, {"passing", muster.StatusUp}, {"warning", muster.StatusUp}} {
		must(t, api, "PUT", "/v1/catalog/register", strings.Replace(register, "STATUS", c.status, 1))
		d, err := node.Detail(muster.Key{Namespace: muster.DefaultNamespace, Service: "db", ID: "d"})
		if err != nil || d.Status != c.want || !d.Permanent {
			t.Errorf("%s: %v, %v", c.status, d.Status, err)
		}
	}
	if w := ask(t, api, "PUT", "/v1/agent/check/pass/c", ""); w.Code != 500 {
		t.Errorf("a check that nobody runs was reported: %d", w.Code)
	}
}

// Clients of this dialect can do to instances of others what they can to their own: find them by id, keep them, take
// them out of service, and end them.
func TestInstancesOfOtherDialectsAreFoundById(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	api := New(node, Config{})
	key := put(t, node, muster.Instance{Service: "s", ID: "i"})
	node.Advance(5e9)
	must(t, api, "PUT", "/v1/agent/check/pass/service:i", "")
	if d, err := node.Detail(key); err != nil || !d.LastRenewal.Equal(apitest.Start.Add(5e9)) {
		t.Errorf("not renewed: %v, %v", d.LastRenewal, err)
	}
	if w := ask(t, api, "PUT", "/v1/agent/check/fail/service:i", ""); w.Code != 500 {
		t.Errorf("a lease was failed: %d", w.Code)
	}
	must(t, api, "PUT", "/v1/agent/service/maintenance/i?enable=true&reason=r", "")
	if d, err := node.Detail(key); err != nil || d.Override != muster.StatusOutOfService || d.OverrideReason != "r" {
		t.Errorf("override %v %q, %v", d.Override, d.OverrideReason, err)
	}
	must(t, api, "PUT", "/v1/agent/service/deregister/i", "")
	if _, err := node.Detail(key); err == nil {
		t.Error("still there")
	}
}

// A registration under an id that an instance of another dialect has in another service leaves that alone.
func TestARegistrationDoesNotReplaceInstancesOfOtherDialectsOfAnotherName(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	api := New(node, Config{})
	key := put(t, node, muster.Instance{Service: "theirs", ID: "x"})
	must(t, api, "PUT", "/v1/agent/service/register", `{"Name":"ours","ID":"x","Port":1}`)
	if _, err := node.Detail(key); err != nil {
		t.Error(err)
	}
	must(t, api, "PUT", "/v1/agent/service/register", `{"Name":"renamed","ID":"x","Port":1}`)
	if names := read[map[string][]string](t, api, "/v1/catalog/services"); len(names) != 3 || names["renamed"] == nil || names["theirs"] == nil {
		t.Errorf("services %v", names)
	}
	must(t, api, "PUT", "/v1/agent/service/register", `{"Name":"theirs","ID":"x","Port":2}`)
	if d, err := node.Detail(key); err != nil || !d.Permanent || d.Port != 2 {
		t.Errorf("an instance of that name and id is not replaced: %+v, %v", d.Instance, err)
	}
}
