package consul

import (
	"bytes"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

// What is answered from what was kept is what would be answered by a node that has kept nothing.
func TestKeptAnswersAreThoseMadeAnew(t *testing.T) {
	t.Parallel()
	paths := []string{
		"/v1/health/service/a", "/v1/health/service/a?passing", "/v1/catalog/service/b", "/v1/health/checks/c",
		"/v1/catalog/services", "/v1/health/state/any", "/v1/health/state/critical", "/v1/agent/services",
	}
	rapid.Check(t, func(t *rapid.T) {
		node := apitest.New()
		api := New(node, Config{})
		for range rapid.IntRange(1, 10).Draw(t, "rounds") {
			for range rapid.IntRange(0, 20).Draw(t, "changes") {
				perturb(t, node)
			}
			path := rapid.SampledFrom(paths).Draw(t, "path")
			fresh := New(node, Config{})
			// Its index is of its own: what was there before it is as new as itself.
			if got, want := body(t, api, path), body(t, fresh, path); !bytes.Equal(got, want) {
				t.Fatalf("%s\nkept: %s\nanew: %s", path, got, want)
			}
		}
	})
}

func body(t *rapid.T, api *API, path string) []byte {
	c := newCall(t.Context(), path)
	api.ServeHTTP(c.w, c.r)
	if c.w.Code != 200 {
		t.Fatalf("%s: %d %s", path, c.w.Code, c.w.Body)
	}
	return c.w.Body.Bytes()
}

// Of a thousand instances one changes: the others are not encoded again, and so it is for the second who asks.
func TestAChangeOfOneInAThousandEncodesOne(t *testing.T) {
	node := apitest.New()
	api := New(node, Config{})
	for n := range 1000 {
		put(t, node, muster.Instance{Service: "s", ID: strconv.Itoa(n)})
	}
	must(t, api, "GET", "/v1/health/service/s", "")
	before := api.list("s")
	put(t, node, muster.Instance{Service: "s", ID: "500", Tags: []string{"new"}})
	must(t, api, "GET", "/v1/health/service/s", "")
	after := api.list("s")
	if after == before || api.list("s") != after {
		t.Fatal("a listing is not kept as long as it is good, or longer")
	}
	made := 0
	for i, e := range after.entries {
		if e.bytes[formHealth].Load() == nil {
			t.Fatalf("%s is not kept", e.inst.ID)
		}
		if e != before.entries[i] {
			made++
		}
	}
	if made != 1 {
		t.Errorf("%d instances were made anew", made)
	}
	if costs := testing.AllocsPerRun(20, func() { api.list("s") }); costs > 0 {
		t.Errorf("a listing that is kept takes %v allocations", costs)
	}
}

// Nothing is kept of names that nobody registered, however many are asked for, nor of services that are gone.
func TestUnknownServicesAreNotKept(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	api := New(node, Config{})
	key := put(t, node, muster.Instance{Service: "s", ID: "i"})
	for n := range 100 {
		must(t, api, "GET", "/v1/health/service/"+strconv.Itoa(n), "")
	}
	must(t, api, "GET", "/v1/health/service/s", "")
	if len(api.listings) != 1 {
		t.Errorf("%d are kept", len(api.listings))
	}
	if err := node.Remove(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	must(t, api, "GET", "/v1/health/service/s", "")
	if len(api.listings) != 0 {
		t.Errorf("%d are kept", len(api.listings))
	}
}
