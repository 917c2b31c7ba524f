package xds

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"

	"github.com/musterhq/muster/api/client"
)

var routerMessage proto.Message = &routerv3.Router{}

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// up is n instances, in a data centre, that take traffic.
func up(dc string, n int) []*client.Instance {
	out := make([]*client.Instance, n)
	for i := range out {
		out[i] = &client.Instance{
			ID: fmt.Sprintf("%s-%d", dc, i), Address: fmt.Sprintf("10.%d.%d.%d", len(dc), i/250, 1+i%250), Port: 80, Datacenter: dc, Status: client.StatusUp,
		}
	}
	return out
}

// An assignment that is removed leaves clients with the last one, and a cluster that is removed fails what is under way.
func TestAServiceThatVanishesHasNoEndpointsAndStaysForAWhile(t *testing.T) {
	c := NewCatalog("dc1", time.Minute)
	c.Put("web", up("dc1", 2), start)
	c.Snapshot()
	c.Put("web", nil, start)
	for _, after := range []time.Duration{0, 30 * time.Second, time.Minute - 1} {
		next := c.Sweep(start.Add(after))
		if !next.Equal(start.Add(time.Minute)) {
			t.Errorf("after %v, the next sweep is due at %v", after, next)
		}
		if a := assignmentOf(t, c, "web"); len(a.GetEndpoints()) != 0 {
			t.Errorf("it has endpoints: %v", a)
		}
		for k := range kinds {
			if c.Snapshot().find(k, k.pointsToSelf("web")) == nil {
				t.Errorf("after %v its %s is gone", after, kindNames[k])
			}
		}
	}
	c.Put("web", nil, start.Add(50*time.Second)) // Said again, it does not begin anew.
	if next := c.Sweep(start.Add(time.Minute)); !next.IsZero() {
		t.Errorf("something is left to sweep, at %v", next)
	}
	snap := c.Snapshot()
	for _, k := range []kind{clusters, listeners, routes} {
		if snap.find(k, k.pointsToSelf("web")) != nil {
			t.Errorf("its %s is there still", kindNames[k])
		}
	}
	if r := snap.find(endpoints, "web"); r == nil || snap.Services() != 0 {
		t.Error("an assignment that is asked for is not answered")
	}
}

func TestAServiceThatComesBackInTimeStays(t *testing.T) {
	c := NewCatalog("dc1", time.Minute)
	c.Put("web", up("dc1", 1), start)
	c.Put("web", nil, start)
	c.Put("web", up("dc1", 1), start.Add(time.Second))
	if next := c.Sweep(start.Add(time.Hour)); !next.IsZero() || c.Snapshot().Services() != 1 {
		t.Errorf("next sweep %v, %d services", next, c.Snapshot().Services())
	}
}

func TestWhatDoesNotChangeKeepsItsVersion(t *testing.T) {
	c := NewCatalog("dc1", time.Minute)
	c.Put("a", up("dc1", 2), start)
	c.Put("b", up("dc1", 2), start)
	before := c.Snapshot()
	if c.Put("a", slices.Clone(up("dc1", 2)), start); c.Snapshot() != before {
		t.Error("the same instances make another snapshot")
	}
	c.Put("a", up("dc1", 3), start)
	after := c.Snapshot()
	want := [kinds]uint64{clusters: 1, endpoints: 2, listeners: 1, routes: 1}
	if after.generations != want {
		t.Errorf("generations %v, and should be %v", after.generations, want)
	}
	for k := range kinds {
		for _, service := range []string{"a", "b"} {
			name := k.pointsToSelf(service)
			if changed := before.find(k, name) != after.find(k, name); changed != (k == endpoints && service == "a") {
				t.Errorf("%s %s: changed is %v", kindNames[k], name, changed)
			}
		}
	}
	// Another process that knows the same gives the same versions.
	d := NewCatalog("dc1", time.Hour)
	d.Put("b", up("dc1", 2), start)
	d.Put("a", up("dc1", 3), start)
	for k := range kinds {
		if !same(d.Snapshot().find(k, k.pointsToSelf("a")), after.find(k, k.pointsToSelf("a"))) {
			t.Errorf("%s has another version in another process", kindNames[k])
		}
	}
}

// The protocol of a service without instances is the one that it had: else its cluster would change twice.
func TestAClusterSpeaksHTTP2IfItsInstancesSaySo(t *testing.T) {
	with := func(protocols ...string) []*client.Instance {
		out := up("dc1", len(protocols))
		for i, p := range protocols {
			out[i].Metadata = map[string]string{"protocol": p}
		}
		return out
	}
	for _, c := range []struct {
		protocols []string
		want      bool
	}{
		{[]string{""}, false},
		{[]string{"grpc"}, true},
		{[]string{"GRPC", "", "h2c", "http2"}, true},
		{[]string{"grpc", "http"}, false},
	} {
		if got := speakHTTP2(with(c.protocols...)); got != c.want {
			t.Errorf("%q: %v", c.protocols, got)
		}
	}
	c := NewCatalog("dc1", time.Minute)
	c.Put("s", with("grpc"), start)
	before := c.Snapshot().find(clusters, "s")
	c.Put("s", nil, start)
	if c.Snapshot().find(clusters, "s") != before {
		t.Error("a service without instances has another cluster")
	}
}

func TestAnotherOrderOfDataCentresChangesPriorities(t *testing.T) {
	c := NewCatalog("dc1", time.Minute)
	c.Put("s", append(up("dc02", 1), up("dc003", 1)...), start)
	first := func() string { return assignmentOf(t, c, "s").GetEndpoints()[0].GetLocality().GetRegion() }
	c.Order([]string{"dc02", "dc003"})
	if got := first(); got != "dc02" {
		t.Errorf("first is %s", got)
	}
	c.Order([]string{"dc003", "dc02"})
	if got := first(); got != "dc003" {
		t.Errorf("after the order changed, first is %s", got)
	}
	before := c.Snapshot()
	if c.Order([]string{"dc003", "dc02"}); c.Snapshot() != before {
		t.Error("the same order makes another snapshot")
	}
}

func TestNearerDataCentresComeFirstAndStayWhileLittleChanges(t *testing.T) {
	const ms = time.Millisecond
	type trips = map[string]time.Duration
	for _, c := range []struct {
		why    string
		before []string
		rtt    map[string]time.Duration
		want   []string
	}{
		{"by distance", nil, trips{"a": 90 * ms, "b": 10 * ms, "c": 50 * ms}, []string{"b", "c", "a"}},
		{"what is not measured is last", nil, trips{"a": 0, "b": 10 * ms}, []string{"b", "a"}},
		{"a tenth is no reason", []string{"a", "b"}, trips{"a": 100 * ms, "b": 90 * ms}, []string{"a", "b"}},
		{"a third is one", []string{"a", "b"}, trips{"a": 100 * ms, "b": 66 * ms}, []string{"b", "a"}},
		{"half a millisecond is none", []string{"a", "b"}, trips{"a": ms * 9 / 10, "b": ms / 10}, []string{"a", "b"}},
		{"lost measurements", []string{"a", "b"}, nil, []string{"a", "b"}},
		{"a new one finds its place", []string{"a", "b"}, trips{"a": 10 * ms, "b": 100 * ms, "c": 50 * ms}, []string{"a", "c", "b"}},
	} {
		before := slices.Clone(c.before)
		if got := Nearest(c.before, c.rtt); !slices.Equal(got, c.want) || !slices.Equal(before, c.before) {
			t.Errorf("%s: %v, want %v", c.why, got, c.want)
		}
	}
}

func TestNearestEndsAndLosesNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfDistinct(rapid.StringMatching(`[a-h]`), rapid.ID)
		rtt := map[string]time.Duration{}
		for _, dc := range names.Draw(t, "measured") {
			rtt[dc] = time.Duration(rapid.IntRange(0, 1e9).Draw(t, dc))
		}
		before := names.Draw(t, "before")
		got := Nearest(before, rtt)
		for _, dc := range before {
			rtt[dc] += 0
		}
		if sorted := slices.Compact(slices.Sorted(slices.Values(got))); len(sorted) != len(got) || len(got) != len(rtt) {
			t.Fatalf("%v of %v and %v", got, before, rtt)
		}
		if again := Nearest(got, rtt); !slices.Equal(again, got) {
			t.Fatalf("%v, and asked again %v", got, again)
		}
	})
}
