package grpcresolver_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/serviceconfig"
	"google.golang.org/grpc/status"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/client/grpcresolver"
	_ "github.com/musterhq/muster/api/client/grpcresolver/weighted"
	"github.com/musterhq/muster/api/clienttest"
)

// The registry says it, and a moment later the channel has it: measured from the write at a node to the connection, and to
// its end.
func TestAChannelOfAThousandBackendsFollowsAChangeWithinTwentyMilliseconds(t *testing.T) {
	const rounds, within = 15, 20 * time.Millisecond
	backends := 1000
	if slowed {
		backends = 100
	}
	cluster, c := nodes(t, 1)
	node := cluster.Nodes[0]
	put := func(address string) {
		inst := muster.Instance{Service: "payments", ID: address, Address: address, Port: 80, TTL: time.Hour}
		if _, _, err := node.Put(t.Context(), inst); err != nil {
			t.Fatal(err)
		}
	}
	for n := range backends {
		put("b" + strconv.Itoa(n))
	}
	b := serve(t, "")
	b.channel(t, c, "muster:///payments").Connect()
	b.until(t, "a thousand connections", func(open map[string]int) bool { return len(open) == backends })

	var took []time.Duration
	for n := range rounds {
		address := "new" + strconv.Itoa(n)
		begin := time.Now()
		put(address)
		b.until(t, "a connection to the new one", func(open map[string]int) bool { return open[address+":80"] == 1 })
		took = append(took, time.Since(begin))

		begin = time.Now()
		if err := node.Remove(t.Context(), muster.Key{Namespace: "default", Service: "payments", ID: address}); err != nil {
			t.Fatal(err)
		}
		b.until(t, "no connection to the one that is gone", func(open map[string]int) bool { return open[address+":80"] == 0 })
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	median := took[len(took)/2]
	t.Logf("%d changes: median %v, 90%% %v, longest %v", len(took), median, took[len(took)*9/10], took[len(took)-1])
	if median > within && !slowed {
		t.Errorf("a change takes %v, want at most %v", median, within)
	}
}

func register(t *testing.T, c *client.Client, inst client.Instance) *client.Registration {
	t.Helper()
	r, err := c.Register(context.WithoutCancel(t.Context()), inst)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCallsAreSharedByWeight(t *testing.T) {
	_, c := nodes(t, 1)
	want := map[string]float64{"b1:80": 100, "b2:80": 200, "b3:80": 700}
	for at, weight := range want {
		register(t, c, client.Instance{Service: "payments", Address: at[:2], Port: 80, Weight: int(weight)})
	}
	b := serve(t, "")
	cc := b.channel(t, c, "muster:///payments?lb=muster_weighted")
	answering(t, cc, "b1:80", "b2:80", "b3:80")
	got := map[string]float64{}
	for range 1000 {
		at, err := call(t, cc)
		if err != nil {
			t.Fatal(err)
		}
		got[at]++
	}
	for at, calls := range want {
		if math.Abs(got[at]-calls) > 5 {
			t.Errorf("%s had %v of 1,000 calls, want %v", at, got[at], calls)
		}
	}
}

// Whatever changes of an instance but its address, its connection stays.
func TestAConnectionIsKeptWhileItsAddressIs(t *testing.T) {
	cluster, c := nodes(t, 1)
	put := func(weight int, version string) {
		inst := muster.Instance{
			Service: "payments", ID: "1", Address: "b1", Port: 80, TTL: time.Hour, Weight: weight, Metadata: map[string]string{"version": version},
		}
		if _, _, err := cluster.Nodes[0].Put(t.Context(), inst); err != nil {
			t.Fatal(err)
		}
	}
	put(100, "1")
	b := serve(t, "")
	cc := b.channel(t, c, "muster:///payments?lb=muster_weighted")
	answering(t, cc, "b1:80")
	put(7, "2")
	register(t, c, client.Instance{Service: "payments", Address: "b2", Port: 80})
	answering(t, cc, "b1:80", "b2:80") // So the weight has arrived too.
	if dials := b.until(t, "two connections", func(open map[string]int) bool { return len(open) == 2 }); dials != 2 {
		t.Errorf("%d connections were made, want 2", dials)
	}
}

func TestAnInstanceThatSaysItDoesNotServeIsNotCalled(t *testing.T) {
	_, c := nodes(t, 1)
	register(t, c, client.Instance{Service: "payments", Address: "b1", Port: 80})
	register(t, c, client.Instance{Service: "payments", Address: "b2", Port: 80})
	for _, policy := range []string{"round_robin", "muster_weighted"} {
		t.Run(policy, func(t *testing.T) {
			b := serve(t, "b1:80", "b2:80")
			for _, s := range b.servers {
				s.health.SetServingStatus("pay", grpc_health_v1.HealthCheckResponse_SERVING)
			}
			cc := b.channel(t, c, "muster:///payments?health=pay&lb="+policy)
			answering(t, cc, "b1:80", "b2:80")
			b.servers["b2:80"].health.SetServingStatus("pay", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
			answering(t, cc, "b1:80")
			b.servers["b2:80"].health.SetServingStatus("pay", grpc_health_v1.HealthCheckResponse_SERVING)
			answering(t, cc, "b1:80", "b2:80")
		})
	}
}

// failing waits until calls fail as unavailable.
func failing(t *testing.T, cc *grpc.ClientConn) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		_, err := call(t, cc)
		if status.Code(err) == codes.Unavailable {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("a call ends in %v, want it to be unavailable", err)
		}
	}
}

func TestCallsOfAServiceThatNobodyServesFailUntilSomebodyDoes(t *testing.T) {
	_, c := nodes(t, 1)
	b := serve(t, "")
	cc := b.channel(t, c, "muster:///payments?tag=v2")
	failing(t, cc)
	register(t, c, client.Instance{Service: "payments", Address: "b1", Port: 80}) // Another version.
	first := register(t, c, client.Instance{Service: "payments", Address: "b2", Port: 80, Tags: []string{"v2"}})
	answering(t, cc, "b2:80")
	if err := first.SetStatus(t.Context(), client.StatusOutOfService); err != nil { // It drains.
		t.Fatal(err)
	}
	failing(t, cc)
	if err := first.SetStatus(t.Context(), client.StatusUp); err != nil {
		t.Fatal(err)
	}
	answering(t, cc, "b2:80")
}

// The registry dies node by node; channels go on, those too that are opened afterwards.
func TestTheDeathOfNodesEmptiesNoChannel(t *testing.T) {
	cluster, c := nodes(t, 2)
	register(t, c, client.Instance{Service: "payments", Address: "b1", Port: 80})
	register(t, c, client.Instance{Service: "payments", Address: "b2", Port: 80})
	b := serve(t, "")
	cc := b.channel(t, c, "muster:///payments")
	answering(t, cc, "b1:80", "b2:80")
	if err := cluster.Nodes[0].Close(); err != nil {
		t.Fatal(err)
	}
	register(t, c, client.Instance{Service: "payments", Address: "b3", Port: 80})
	answering(t, cc, "b1:80", "b2:80", "b3:80")
	if err := cluster.Nodes[1].Close(); err != nil {
		t.Fatal(err)
	}
	answering(t, cc, "b1:80", "b2:80", "b3:80")
	answering(t, b.channel(t, c, "muster:///payments"), "b1:80", "b2:80", "b3:80")
}

// A target that cannot be understood, or asks for a policy that is not there, is found when the channel connects.
func TestATargetThatCannotBeUnderstoodFailsItsCalls(t *testing.T) {
	_, c := nodes(t, 1)
	for _, target := range []string{"muster:///payments?zones=a", "muster:///", "muster:///payments?lb=nobody_knows"} {
		cc, err := grpc.NewClient(target, grpc.WithResolvers(grpcresolver.NewBuilder(c)),
			grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err == nil {
			if _, err = call(t, cc); cc.Close() != nil {
				t.Error("the channel does not close")
			}
		}
		if err == nil {
			t.Errorf("%s: a call succeeds", target)
		}
	}
}

// told is a channel that takes notes.
type told struct {
	resolver.ClientConn
	mu                sync.Mutex
	states, endpoints int
	errs              []error
}

func (n *told) UpdateState(s resolver.State) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.states++
	n.endpoints = len(s.Endpoints)
	return nil
}

// until waits until the latest list has that many endpoints.
func (n *told) until(t *testing.T, endpoints int) {
	t.Helper()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for {
		n.mu.Lock()
		got := n.endpoints
		n.mu.Unlock()
		if got == endpoints {
			return
		}
		select {
		case <-again.C:
		case <-t.Context().Done():
			t.Fatalf("%d endpoints, want %d", got, endpoints)
		}
	}
}

func (n *told) ReportError(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.errs = append(n.errs, err)
}

func (*told) ParseServiceConfig(string) *serviceconfig.ParseResult {
	return &serviceconfig.ParseResult{}
}

// What no endpoint shows does not reach the channel.
func TestAChangeThatIsNoneForTheChannelIsNotTold(t *testing.T) {
	_, c := nodes(t, 1)
	cc := &told{}
	target := resolver.Target{}
	target.URL.Path, target.URL.RawQuery = "/payments", "tag=v2"
	register(t, c, client.Instance{Service: "payments", Address: "b1", Port: 80, Tags: []string{"v2"}})
	found := func(instances int) {
		t.Helper()
		if _, err := clienttest.Found(t.Context(), c, "payments", instances); err != nil {
			t.Fatal(err)
		}
	}
	found(1)
	r, err := grpcresolver.NewBuilder(c).Build(target, cc, resolver.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cc.until(t, 1)
	register(t, c, client.Instance{Service: "payments", Address: "b2", Port: 80})
	found(2)
	register(t, c, client.Instance{Service: "payments", Address: "b3", Port: 80, Tags: []string{"v2"}})
	found(3)
	cc.until(t, 2)
	if cc.mu.Lock(); cc.states != 2 {
		t.Errorf("the channel was told %d lists, want 2", cc.states)
	}
	cc.mu.Unlock()
}

type nowhere struct{}

var errNowhere = errors.New("no route to host")

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) { return nil, errNowhere }

// A channel that knows nothing is told why, and nothing else; it is not told that there is nobody.
func TestARegistryOutOfReachIsAnErrorAndNoEmptyList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := client.New(client.Config{Nodes: []string{"http://192.0.2.1:8761"}, Transport: nowhere{}})
		if err != nil {
			t.Fatal(err)
		}
		cc := &told{}
		target := resolver.Target{}
		target.URL.Path = "/payments"
		r, err := grpcresolver.NewBuilder(c).Build(target, cc, resolver.BuildOptions{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		cc.mu.Lock()
		states, errs := cc.states, cc.errs
		cc.mu.Unlock()
		if states != 0 || len(errs) < 3 || len(errs) > 12 || !errors.Is(errs[0], errNowhere) && !errors.Is(errs[0], client.ErrUnavailable) {
			t.Errorf("in a minute the channel was told %d lists, and the errors %v", states, errs)
		}
		r.ResolveNow(resolver.ResolveNowOptions{})
		r.Close()
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
