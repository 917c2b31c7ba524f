package consul

import (
	"net/http"
	"strings"
	"testing"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

// Whatever is sent, a registration is taken or refused with a reason, and what was taken is found, described and
// registered again without a change.
func FuzzRegistration(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `[]`, `{"Name":null}`, `{"name":"w","check":{"ttl":15000000000}}`,
		`{"Name":"web","ID":"web-1","Tags":["a",""],"Address":"10.0.0.1","Port":80,"Meta":{"a":"b"},"Weights":{"Passing":3,"Warning":2},"Check":{"TTL":"15s","Status":"passing"}}`,
		`{"NAME":"w","Checks":[{"http":"http://h/","interval":"10s"},null,{},{"TCP":"h:1","interval":"1ms","CheckID":"x"}],"enable_tag_override":true}`,
		`{"Name":"w","tagged_addresses":{"wan":{"address":"grpc://h:1","port":1}},"Proxy":{"a":1},"Connect":{},"Ports":[{"Name":"a","Port":1}],"Locality":null,"Kind":"k"}`,
		`{"Name":"w","Check":{"AliasService":"x"}}`, `{"Name":"w","Check":{"Args":["a"],"Interval":"1s"}}`, `{"Name":"w","Check":{"TTL":1e99}}`,
		`{"Name":"w","Check":{"GRPC":"h:1/s","Interval":"5s","grpc_use_tls":true,"DeregisterCriticalServiceAfter":"1s"}}`,
		`{"Name":"w","Meta":{},"Address":"::1","Weights":{"Passing":99999999999}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		node := apitest.New()
		api := New(node, Config{})
		w := ask(t, api, http.MethodPut, "/v1/agent/service/register", body)
		if w.Code != http.StatusOK {
			if w.Code != http.StatusBadRequest || w.Body.Len() == 0 || node.Services().Index != node.Index() || len(node.Services().Services) > 0 {
				t.Fatalf("%q: %d %q", body, w.Code, w.Body)
			}
			return
		}
		var inst *muster.Instance
		for one := range api.everything() {
			inst = one
		}
		if inst == nil {
			t.Fatalf("%q: taken, and not there", body)
		}
		if found := api.ids.find(inst.ID); found != inst {
			t.Fatalf("%q: its id finds %v", body, found)
		}
		for i := range inst.Checks {
			if found := api.findCheck(inst.Checks[i].ID); found != inst {
				t.Fatalf("%q: the check %q is not found", body, inst.Checks[i].ID)
			}
		}
		if l := api.list(inst.Service); len(l.entries) != 1 || !strings.HasPrefix(string(l.entries[0].in(formHealth)), `{"Node":{`) ||
			!strings.HasPrefix(string(l.entries[0].in(formCatalog)), `{"ID":`) || string(encoded(describeAgent(inst))) == "null" {
			t.Fatalf("%q: cannot be described", body)
		}
		before := node.Index()
		if w := ask(t, api, http.MethodPut, "/v1/agent/service/register", body); w.Code != http.StatusOK || node.Index() != before {
			t.Fatalf("%q: registering it again is answered %d and changes the catalog", body, w.Code)
		}
	})
}
