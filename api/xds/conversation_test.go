package xds

import (
	"strings"
	"testing"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// said is responses in short: "cluster a b" for one that holds a and b, "cluster -a" for one that says that a is gone.
func said[Res any](all []Res) string {
	var out []string
	for _, r := range all {
		var line []string
		switch r := any(r).(type) {
		case *discoveryv3.DiscoveryResponse:
			k, _ := kindOf(r.GetTypeUrl())
			line = append(line, kindNames[k])
			for _, body := range r.GetResources() {
				m, err := body.UnmarshalNew()
				if err != nil {
					line = append(line, err.Error())
					continue
				}
				switch m := m.(type) {
				case interface{ GetName() string }:
					line = append(line, m.GetName())
				case interface{ GetClusterName() string }:
					line = append(line, m.GetClusterName())
				}
			}
		case *discoveryv3.DeltaDiscoveryResponse:
			k, _ := kindOf(r.GetTypeUrl())
			line = append(line, kindNames[k])
			for _, one := range r.GetResources() {
				line = append(line, one.GetName())
			}
			for _, name := range r.GetRemovedResources() {
				line = append(line, "-"+name)
			}
		}
		out = append(out, strings.Join(line, " "))
	}
	return strings.Join(out, "; ")
}

// talk is a conversation with a catalog behind it.
type talk struct {
	t       *testing.T
	catalog *Catalog
	world   *world
	delta   *delta
	nonce   [kinds]string
	version [kinds]string
}

func newTalk(t *testing.T, services ...string) *talk {
	t.Helper()
	x := &talk{t: t, catalog: NewCatalog("dc1", 0), world: newWorld(), delta: newDelta()}
	for _, s := range services {
		x.catalog.Put(s, up("dc1", 1), start)
	}
	return x
}

// put gives a service n instances, and expects what is said of it in both forms.
func (x *talk) put(service string, n int, world, delta string) {
	x.t.Helper()
	x.catalog.Put(service, up("dc1", n), start)
	if n == 0 {
		x.catalog.Sweep(start) // It does not linger here.
	}
	x.update(world, delta)
}

func (x *talk) update(world, delta string) {
	x.t.Helper()
	snap := x.catalog.Snapshot()
	if got := x.heard(x.world.update(snap)); got != world {
		x.t.Errorf("an update says as state of the world %q, want %q", got, world)
	}
	if got := said(x.delta.update(snap)); got != delta {
		x.t.Errorf("an update says as delta %q, want %q", got, delta)
	}
}

// heard takes note of nonces.
func (x *talk) heard(all []*discoveryv3.DiscoveryResponse) string {
	for _, r := range all {
		k, _ := kindOf(r.GetTypeUrl())
		x.nonce[k], x.version[k] = r.GetNonce(), r.GetVersionInfo()
	}
	return said(all)
}

// ask requests names of a kind as state of the world.
func (x *talk) ask(k kind, want string, names ...string) {
	x.t.Helper()
	got, refused, known := x.world.request(&discoveryv3.DiscoveryRequest{
		TypeUrl: typeURLs[k], ResourceNames: names, ResponseNonce: x.nonce[k], VersionInfo: x.version[k],
	})
	if s := x.heard(got); s != want || refused != nil || !known {
		x.t.Errorf("%s %q is answered %q, want %q", kindNames[k], names, s, want)
	}
}

// subscribe subscribes to names of a kind as delta; those with a dash before them are unsubscribed.
func (x *talk) subscribe(k kind, want string, names ...string) {
	x.t.Helper()
	r := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: typeURLs[k]}
	for _, name := range names {
		if rest, no := strings.CutPrefix(name, "-"); no {
			r.ResourceNamesUnsubscribe = append(r.ResourceNamesUnsubscribe, rest)
		} else {
			r.ResourceNamesSubscribe = append(r.ResourceNamesSubscribe, name)
		}
	}
	got, refused, known := x.delta.request(r)
	if s := said(got); s != want || refused != nil || !known {
		x.t.Errorf("%s %q is answered %q, want %q", kindNames[k], names, s, want)
	}
}

// An empty answer is an outage: whoever comes before the registry is known waits.
func TestNothingIsSaidBeforeTheFirstSnapshot(t *testing.T) {
	x := newTalk(t, "a")
	for k := range kinds {
		x.ask(k, "", k.pointsToSelf("a"))
		x.subscribe(k, "", k.pointsToSelf("a"))
	}
	all := "cluster a; endpoints a; listener a; route service/a"
	x.update(all, all)
}

// What gRPC does: explicit names, one kind after the other, each response acknowledged.
func TestGRPCGetsOneServiceAndNothingElse(t *testing.T) {
	x := newTalk(t, "a", "b", "c")
	x.update("", "")
	for _, k := range []kind{listeners, routes, clusters, endpoints} {
		name := k.pointsToSelf("a")
		x.ask(k, kindNames[k]+" "+name, name)
		x.ask(k, "", name) // The acknowledgement.
	}
	x.put("b", 2, "", "")
	x.put("d", 1, "", "")
	x.put("a", 2, "endpoints a", "")
	x.ask(endpoints, "", "a")
}

// What Envoy does: everything, and no listener, for it cannot take one that is not a socket's.
func TestEnvoyGetsAllClustersAndNoListener(t *testing.T) {
	x := newTalk(t, "b", "a")
	x.update("", "")
	x.ask(clusters, "cluster a b")
	x.ask(clusters, "")
	x.ask(endpoints, "endpoints a b", "a", "b")
	x.ask(listeners, "listener") // An answer all the same: it waits for one before it starts.
	x.ask(listeners, "")
	x.subscribe(clusters, "cluster a b")
	x.subscribe(endpoints, "endpoints a b", "a", "b")
	x.subscribe(listeners, "listener")
	x.put("c", 1, "cluster a b c", "cluster c")
	x.ask(endpoints, "endpoints c", "a", "b", "c")
	x.subscribe(endpoints, "endpoints c", "c")
	x.put("c", 2, "endpoints c", "endpoints c")
	// All clusters are told as state of the world, since what is not told is removed; the assignment is emptied, not gone.
	x.put("b", 0, "cluster a c; endpoints b", "cluster -b; endpoints b")
	x.ask(routes, "route services", AllServices)
	x.subscribe(routes, "route services", AllServices)
	x.put("d", 1, "cluster a c d; route services", "cluster d; route services")
}

func TestWhatIsNotThereIsSaidToBeAbsentWhereTheProtocolCan(t *testing.T) {
	x := newTalk(t, "a")
	x.update("", "")
	x.ask(listeners, "listener", "x")
	x.ask(clusters, "cluster", "x")
	x.ask(routes, "", "service/x")
	x.ask(endpoints, "endpoints x", "x") // Without endpoints.
	x.subscribe(listeners, "listener -x", "x")
	x.subscribe(clusters, "cluster -x", "x")
	x.subscribe(routes, "route -service/x", "service/x")
	x.subscribe(endpoints, "endpoints x", "x")
	both := "cluster x; endpoints x; listener x; route service/x"
	x.put("x", 1, both, both)
}

func TestNamesThatAreAddedAndDroppedAndTakenUpAgain(t *testing.T) {
	x := newTalk(t, "a", "b")
	x.update("", "")
	x.ask(endpoints, "endpoints a", "a")
	x.ask(endpoints, "endpoints b", "a", "b")
	x.ask(endpoints, "", "b")
	x.ask(endpoints, "endpoints a", "a", "b") // It has forgotten a in between.
	x.ask(endpoints, "")                      // Nothing is wanted any more.
	x.put("a", 2, "", "")
	x.subscribe(endpoints, "endpoints a", "a")
	x.subscribe(endpoints, "endpoints a", "a") // Who subscribes twice wants it twice.
	x.subscribe(endpoints, "", "-a")
	x.put("a", 3, "", "")
}

// A client that has named clusters, and then names none, wants none: only the first request means all by no name.
func TestNoNameMeansAllOnlyAtTheBeginning(t *testing.T) {
	x := newTalk(t, "a", "b")
	x.update("", "")
	x.ask(clusters, "cluster a", "a")
	x.ask(clusters, "")
	x.put("a", 0, "", "")
	x.ask(clusters, "cluster b", "*")
	x.ask(clusters, "cluster b", "*", "b") // It is named anew, and told anew.
	x.ask(clusters, "", "b")
	x.put("c", 1, "", "")
}

// What is named and one of all stays one of all when it is no longer named, and its end is told.
func TestANameThatIsDroppedIsStillOneOfAll(t *testing.T) {
	x := newTalk(t, "a", "b")
	x.update("", "")
	x.ask(clusters, "cluster a b", "*", "b")
	x.ask(clusters, "", "*")
	x.put("b", 0, "cluster a", "")
}

// Requests cross responses: one that answers to an older response still says what is wanted.
func TestARequestWithAnOldNonceIsHeeded(t *testing.T) {
	x := newTalk(t, "a")
	x.update("", "")
	x.ask(endpoints, "endpoints a", "a")
	old := x.nonce
	x.put("a", 2, "endpoints a", "")
	latest := x.nonce
	x.nonce = old
	x.ask(endpoints, "")
	x.nonce = latest
	x.ask(endpoints, "endpoints a", "a")
}

// An Envoy whose cluster changes does not use it before its endpoints have come, though they are as they were.
func TestEndpointsComeAgainWithAChangedCluster(t *testing.T) {
	x := newTalk(t, "a", "b")
	x.update("", "")
	x.ask(clusters, "cluster a b")
	x.ask(endpoints, "endpoints a b", "a", "b")
	x.subscribe(clusters, "cluster a b")
	x.subscribe(endpoints, "endpoints a b", "a", "b")
	grpc := up("dc1", 1)
	grpc[0].Metadata = map[string]string{"protocol": "grpc"}
	x.catalog.Put("a", grpc, start)
	x.update("cluster a b; endpoints a", "cluster a; endpoints a")
}

// A refusal is no reason to send the same again; what is refused is known, and the next change is sent.
func TestARefusalIsToldAndAnsweredByNothing(t *testing.T) {
	x := newTalk(t, "a")
	x.update("", "")
	x.ask(clusters, "cluster a")
	x.subscribe(clusters, "cluster a")
	no := &statuspb.Status{Code: 3, Message: "no such thing"}
	out, refused, known := x.world.request(&discoveryv3.DiscoveryRequest{TypeUrl: typeURLs[clusters], ErrorDetail: no, ResponseNonce: "1"})
	if len(out) != 0 || !known || refused == nil || *refused != (refusal{clusters, "no such thing"}) {
		t.Errorf("%v, %v", out, refused)
	}
	deltas, refused, known := x.delta.request(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: typeURLs[clusters], ErrorDetail: no, ResponseNonce: "1"})
	if len(deltas) != 0 || !known || refused == nil || *refused != (refusal{clusters, "no such thing"}) {
		t.Errorf("%v, %v", deltas, refused)
	}
	x.put("b", 1, "cluster a b", "cluster b")
}

func TestOtherTypesAreLeftAlone(t *testing.T) {
	x := newTalk(t, "a")
	x.update("", "")
	const secrets = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
	if out, refused, known := x.world.request(&discoveryv3.DiscoveryRequest{TypeUrl: secrets}); len(out) != 0 || refused != nil || known {
		t.Errorf("%v, %v, %v", out, refused, known)
	}
	if out, refused, known := x.delta.request(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: secrets}); len(out) != 0 || refused != nil || known {
		t.Errorf("%v, %v, %v", out, refused, known)
	}
}

// The server was restarted, or another took its place. As state of the world it answers whatever version is claimed; as
// delta it says what has changed, and what is gone.
func TestAClientThatComesBackGetsWhatHasChanged(t *testing.T) {
	x := newTalk(t, "a", "b", "c")
	x.update("", "")
	held := map[string]string{}
	first, _, _ := x.delta.request(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: typeURLs[clusters]})
	for _, r := range first[0].GetResources() {
		held[r.GetName()] = r.GetVersion()
	}
	x.ask(clusters, "cluster a b c")
	version := x.version[clusters]

	y := newTalk(t, "a", "b", "d")
	y.update("", "")
	y.version[clusters] = version
	y.ask(clusters, "cluster a b d")
	y.version[endpoints], y.nonce[endpoints] = "whatever", "7"
	y.ask(endpoints, "endpoints a", "a")
	back, _, _ := y.delta.request(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: typeURLs[clusters], InitialResourceVersions: held})
	if got := said(back); got != "cluster d -c" {
		t.Errorf("said %q", got)
	}
	a := y.catalog.Snapshot().find(endpoints, "a").version
	back, _, _ = y.delta.request(&discoveryv3.DeltaDiscoveryRequest{
		TypeUrl: typeURLs[endpoints], ResourceNamesSubscribe: []string{"a", "b"},
		InitialResourceVersions: map[string]string{"a": a, "b": "old"},
	})
	if got := said(back); got != "endpoints b" {
		t.Errorf("said %q", got)
	}
}

func TestADeltaClientCanEndItsWildcard(t *testing.T) {
	x := newTalk(t, "a", "b")
	x.update("", "")
	x.subscribe(clusters, "cluster a b", "*", "a")
	x.subscribe(clusters, "cluster a", "-a") // It is one of all, and so it is there still.
	x.subscribe(clusters, "cluster b", "b")
	x.subscribe(clusters, "", "-*")
	x.put("c", 1, "", "")
	x.put("b", 0, "", "cluster -b")
}

// gRPC's clients take no more than 4 MiB at once.
func TestLargeMessagesAreSplit(t *testing.T) {
	snap := &Snapshot{services: map[string]*resources{}, generations: [kinds]uint64{1, 1, 1, 1}}
	var names []string
	for i, size := range []int{400 << 10, 400 << 10, 400 << 10, 3 * maxMessageBytes, 1, 1, maxMessageBytes / 2} {
		name := string(rune('a' + i))
		names = append(names, name)
		r := &resource{name, "1", &anypb.Any{TypeUrl: typeURLs[endpoints], Value: make([]byte, size)}}
		snap.services[name] = &resources{endpoints: r}
	}
	w, d := newWorld(), newDelta()
	w.update(snap)
	d.update(snap)
	out, _, _ := w.request(&discoveryv3.DiscoveryRequest{TypeUrl: typeURLs[endpoints], ResourceNames: names})
	deltas, _, _ := d.request(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: typeURLs[endpoints], ResourceNamesSubscribe: names})
	if len(out) < 2 || len(deltas) != len(out) {
		t.Fatalf("%d and %d messages", len(out), len(deltas))
	}
	sum, nonces := 0, map[string]bool{}
	for i, r := range out {
		n := len(r.GetResources())
		if size := proto.Size(r); n == 0 || n > 1 && size > maxMessageBytes || len(deltas[i].GetResources()) != n {
			t.Errorf("message %d has %d resources in %d bytes, and as delta %d", i, n, size, len(deltas[i].GetResources()))
		}
		sum += n
		nonces[r.GetNonce()] = true
	}
	if sum != len(names) || len(nonces) != len(out) {
		t.Errorf("%d resources in messages of nonces %v", sum, nonces)
	}
}
