package nacos

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/musterhq/muster/api/apitest"
)

// Whatever form is sent, a registration is taken or refused with a reason; what was taken is found under the names that it
// was given, is renewed by a beat, says the same when it is registered again, and goes when it is told to.
func FuzzRegistration(f *testing.F) {
	for _, seed := range []string{
		``, `serviceName=a&ip=10.0.0.1&port=1`, `serviceName=G@@a&ip=h&port=1&clusterName=c&namespaceId=n`, `a=%zz&&==&;`,
		`serviceName=a&ip=::1&port=1&weight=0.5&enabled=false&healthy=false&ephemeral=false&metadata=a=b`,
		`serviceName=a&ip=1&port=1&metadata=%7B%22preserved.heart.beat.timeout%22%3A%229000%22%7D`,
		`serviceName=a&ip=10.0.0.1&port=1&weight=1e4&metadata={"a":1,"b":null,"secure":true}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, form string) {
		node := apitest.New()
		api := New(node, Config{})
		w := ask(t, api, http.MethodPost, base+"ns/instance", form)
		all := everything(node)
		if w.Code != http.StatusOK {
			if w.Code != http.StatusBadRequest || w.Body.Len() == 0 || len(all) > 0 {
				t.Fatalf("%q: %d %q with %d instances", form, w.Code, w.Body, len(all))
			}
			return
		}
		if len(all) != 1 {
			t.Fatalf("%q: taken, and there are %d", form, len(all))
		}
		inst := all[0]
		at := url.Values{
			"namespaceId": {namespaceID(inst.Namespace)}, "serviceName": {nameOf(inst.Service).String()}, "ip": {inst.Address},
			"port": {string(mustJSON(t, inst.Port))}, "clusterName": {clusterOf(inst)},
		}.Encode()
		if got := must(t, api, http.MethodGet, base+"ns/instance?"+at, ""); !strings.Contains(got, string(mustJSON(t, inst.ID))) {
			t.Fatalf("%q: %s is not %q", form, got, inst.ID)
		}
		if hosts := listed(t, api, at); len(hosts) > 1 || len(hosts) == 1 && hosts[0].InstanceID != inst.ID {
			t.Fatalf("%q: listed as %+v", form, hosts)
		}
		if got := must(t, api, http.MethodPut, base+"ns/instance/beat", at); !strings.Contains(got, `"code":10200`) {
			t.Fatalf("%q: a beat is answered %s", form, got)
		}
		must(t, api, http.MethodPost, base+"ns/instance", form)
		if again := everything(node); len(again) != 1 || again[0].ID != inst.ID || again[0].Weight != inst.Weight {
			t.Fatalf("%q: registered again as %+v", form, again)
		}
		if must(t, api, http.MethodDelete, base+"ns/instance?"+at, ""); len(everything(node)) != 0 {
			t.Fatalf("%q: cannot be deregistered", form)
		}
	})
}

// Whatever beat is sent, it registers or is refused with a reason, and a second one changes nothing.
func FuzzBeat(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `[]`, `{"ip":"10.0.0.1","port":1}`, `{"ip":"10.0.0.1","port":"80","weight":"0.5","cluster":"c","ephemeral":false}`,
		`{"ip":"h","port":65535,"weight":null,"metadata":{"a":1,"b":true,"c":null,"d":"%;"},"scheduled":true}`,
		`{"ip":"h","port":1e9}`, `{"ip":"h","port":"","metadata":{"a":[]}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, beat string) {
		node := apitest.New()
		api := New(node, Config{})
		form := url.Values{"serviceName": {"a"}, "beat": {beat}}.Encode()
		w := ask(t, api, http.MethodPut, base+"ns/instance/beat", form)
		all := everything(node)
		light := w.Code == http.StatusOK && strings.Contains(w.Body.String(), `"code":20404`)
		switch {
		case light && strings.TrimSpace(beat) == "" && len(all) == 0:
			return
		case w.Code == http.StatusBadRequest && w.Body.Len() > 0 && utf8.Valid(w.Body.Bytes()) && len(all) == 0:
			return
		case w.Code != http.StatusOK || len(all) != 1:
			t.Fatalf("%q: %d %q with %d instances", beat, w.Code, w.Body, len(all))
		}
		before := node.Index()
		if must(t, api, http.MethodPut, base+"ns/instance/beat", form); node.Index() != before {
			t.Fatalf("%q: a second one changes the catalog", beat)
		}
	})
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := v.(string); ok { // As an answer has it.
		if b, err = encode(s); err != nil {
			t.Fatal(err)
		}
	}
	return b
}
