package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/musterhq/muster"
)

const assignmentType = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"

// assignments streams the assignments of a service.
func assignments(t *testing.T, ads, service string) (next func() *endpointv3.ClusterLoadAssignment) {
	t.Helper()
	conn, err := grpc.NewClient(ads, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).StreamAggregatedResources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&discoveryv3.DiscoveryRequest{TypeUrl: assignmentType, ResourceNames: []string{service}}); err != nil {
		t.Fatal(err)
	}
	return func() *endpointv3.ClusterLoadAssignment {
		t.Helper()
		r, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		m, err := r.GetResources()[0].UnmarshalNew()
		if err != nil {
			t.Fatal(err)
		}
		a, ok := m.(*endpointv3.ClusterLoadAssignment)
		if !ok {
			t.Fatalf("it is a %T", m)
		}
		return a
	}
}

// regions is the data centres of an assignment in the order of their priorities.
func regions(a *endpointv3.ClusterLoadAssignment) string {
	var out []string
	for _, l := range a.GetEndpoints() {
		out = append(out, l.GetLocality().GetRegion())
	}
	return strings.Join(out, " ")
}

func TestPrioritiesFollowTheMeasuredRoundTrips(t *testing.T) {
	a, server := startNode(t, muster.Config{Node: "a", Datacenter: "dc1", WANBind: "127.0.0.1:0"})
	put(t, a, backend("s", "a", "10.0.0.1:80"))
	for i, dc := range []string{"dc2", "dc3", "dc4"} {
		n, _ := startNode(t, muster.Config{Node: dc, Datacenter: dc, WANBind: "127.0.0.1:0", WANJoin: []string{a.WANAddr()}})
		eventually(t, dc+" is ready", func() bool { ready, _ := n.Ready(); return ready })
		put(t, n, backend("s", dc, "10.0.1."+string(rune('1'+i))+":80"))
	}
	eventually(t, "dc1 knows all instances", func() bool { return a.Lookup("s").Len() == 4 })
	// On one machine all are equally near: a proxy says what a gateway measures.
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.FlushInterval = -1
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/members" {
			proxy.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Muster-Node", "a")
		_, _ = io.WriteString(w, `{"members": [
			{"datacenter": "dc1", "state": "alive"},
			{"datacenter": "dc4", "state": "failed", "rtt": "1ms"},
			{"datacenter": "dc2", "state": "alive", "rtt": "80ms"},
			{"datacenter": "dc3", "state": "alive", "rtt": "200ms"},
			{"datacenter": "dc3", "state": "alive", "rtt": "20.5ms"}]}`)
	}))
	t.Cleanup(front.Close)
	x := startCommand(t, "127.0.0.1:0", front.URL)
	if got := regions(assignments(t, x.ads, "s")()); got != "dc1 dc3 dc2 dc4" {
		t.Errorf("priorities are %s", got)
	}
}

func TestHostNamesAreLeftOutAndToldOf(t *testing.T) {
	a, _, servers := startPair(t)
	put(t, a, backend("s", "ip", "10.0.0.1:80"))
	put(t, a, backend("s", "name", "db.internal:80"))
	x := startCommand(t, "127.0.0.1:0", servers...)
	if n := len(assignments(t, x.ads, "s")().GetEndpoints()[0].GetLbEndpoints()); n != 1 {
		t.Errorf("%d endpoints", n)
	}
	if _, metrics := x.page(t, "/metrics"); !strings.Contains(metrics, `muster_xds_instances_skipped{reason="hostname"} 1`) {
		t.Error("it is not counted")
	}
	if !strings.Contains(x.log.String(), "instances have host names for addresses and are left out") {
		t.Error("it is not logged")
	}
}

// The instances of a service may all go, and it is still there.
func TestAServiceThatLosesAllInstancesIsEmptyAndNotGone(t *testing.T) {
	a, b, servers := startPair(t)
	key := put(t, a, backend("s", "one", "10.0.0.1:80"))
	x := startCommand(t, "127.0.0.1:0", servers...)
	next := assignments(t, x.ads, "s")
	if got := regions(next()); got != "dc1" {
		t.Errorf("first %q", got)
	}
	if err := b.Remove(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if got := next(); got.GetClusterName() != "s" || len(got.GetEndpoints()) != 0 {
		t.Errorf("then %v", got)
	}
	if _, metrics := x.page(t, "/metrics"); !strings.Contains(metrics, "muster_xds_services 1\n") {
		t.Error("the service is not there any more")
	}
}
