package kitex_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	kclient "github.com/cloudwego/kitex/client"
	"github.com/cloudwego/kitex/client/genericclient"
	"github.com/cloudwego/kitex/pkg/generic"
	"github.com/cloudwego/kitex/pkg/klog"
	"github.com/cloudwego/kitex/pkg/loadbalance"
	"github.com/cloudwego/kitex/pkg/loadbalance/lbcache"
	"github.com/cloudwego/kitex/pkg/registry"
	"github.com/cloudwego/kitex/pkg/rpcinfo"
	kserver "github.com/cloudwego/kitex/server"
	"github.com/cloudwego/kitex/server/genericserver"

	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/client/contrib/kitex"
	"github.com/musterhq/muster/api/clienttest"
)

func TestMain(m *testing.M) {
	klog.SetOutput(io.Discard)
	m.Run()
}

// idl is the service that all programs serve, in Thrift.
const idl = `
struct Request {}
struct Reply { 1: string who }
service Payments { Reply who(1: Request request) }
`

func thrift(t *testing.T) generic.Generic {
	t.Helper()
	p, err := generic.NewThriftContentWithAbsIncludePathProvider("payments.thrift", map[string]string{"payments.thrift": idl})
	if err != nil {
		t.Fatal(err)
	}
	g, err := generic.JSONThriftGeneric(p)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// answer is a handler that says who it is.
type answer func(context.Context) (string, error)

func (a answer) GenericCall(ctx context.Context, _ string, _ any) (any, error) {
	who, err := a(ctx)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(map[string]string{"who": who})
	return string(b), err
}

var errEnd = errors.New("end")

// program is a Kitex program with a server.
func program(t *testing.T, c *client.Client, name string, a answer) (stop func()) {
	t.Helper()
	end := make(chan error, 1)
	stop = sync.OnceFunc(func() { end <- errEnd })
	s := genericserver.NewServer(a, thrift(t), kserver.WithServiceAddr(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}),
		kserver.WithServerBasicInfo(&rpcinfo.EndpointBasicInfo{ServiceName: name}), kserver.WithRegistry(kitex.NewRegistry(c)),
		kserver.WithRegistryInfo(&registry.Info{Weight: 20, Tags: map[string]string{"team": "money"}, WarmUp: 5 * time.Second}),
		kserver.WithExitSignal(func() <-chan error { return end }), kserver.WithExitWaitTime(10*time.Millisecond))
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(); err != nil && !errors.Is(err, errEnd) {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
	return stop
}

// caller calls a service by its name.
func caller(t *testing.T, c *client.Client, name string) answer {
	t.Helper()
	cli, err := genericclient.NewClient(name, thrift(t), kclient.WithResolver(kitex.NewResolver(c)),
		kclient.WithLoadBalancer(loadbalance.NewWeightedRandomBalancer(), &lbcache.Options{RefreshInterval: 50 * time.Millisecond}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cli.Close() })
	return func(ctx context.Context) (string, error) {
		got, err := cli.GenericCall(ctx, "who", "{}")
		if err != nil {
			return "", err
		}
		var reply struct{ Who string }
		text, _ := got.(string)
		err = json.Unmarshal([]byte(text), &reply)
		return reply.Who, err
	}
}

func is(who string) answer { return func(context.Context) (string, error) { return who, nil } }

// Orders calls payments by its name while instances come and go and a node dies.
func TestAProgramCallsAnotherByItsName(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	nodes, connect := clienttest.Pair(t)
	server, finder := connect(), connect()
	program(t, server, "payments", is("pay-1"))
	program(t, server, "payments", is("pay-2"))
	program(t, server, "orders", caller(t, finder, "payments"))
	for service, instances := range map[string]int{"payments": 2, "orders": 1} { // Kitex registers a second after it serves.
		if _, err := clienttest.Found(ctx, finder, service, instances); err != nil {
			t.Fatal(err)
		}
	}
	orders := caller(t, finder, "orders")
	clienttest.LivesOn(ctx, t, nodes, clienttest.Call(orders), func(name string) func() { return program(t, server, "payments", is(name)) })
}

func info(address string) *registry.Info {
	addr, _ := net.ResolveTCPAddr("tcp", address)
	return &registry.Info{
		ServiceName: "payments", Addr: addr, PayloadCodec: "Thrift", Weight: 7, WarmUp: 5 * time.Second, Tags: map[string]string{"team": "money"},
	}
}

// What a server says, a client of Kitex gets back, and the registry has in its own fields.
func TestWhatAServerSaysIsResolved(t *testing.T) {
	_, connect := clienttest.Pair(t)
	c := connect()
	r, resolver := kitex.NewRegistry(c), kitex.NewResolver(c)
	if err := r.Register(info("10.0.0.1:80")); err != nil {
		t.Fatal(err)
	}
	found, err := clienttest.Found(t.Context(), c, "payments", 1)
	if err != nil {
		t.Fatal(err)
	}
	if i := found[0]; i.Weight != 7 || i.Attributes["kitex.codec"] != "Thrift" || i.Attributes["kitex.warmup"] != "5s" || i.Metadata["team"] != "money" {
		t.Errorf("the registry has %+v", i)
	}
	before, err := resolver.Resolve(t.Context(), "payments")
	if err != nil || len(before.Instances) != 1 || !before.Cacheable || before.CacheKey != "payments" {
		t.Fatalf("%+v, %v", before, err)
	}
	i := before.Instances[0]
	if team, ok := i.Tag("team"); i.Address().String() != "10.0.0.1:80" || i.Weight() != 7 || !ok || team != "money" {
		t.Errorf("Kitex gets %v, weight %d, team %q back", i.Address(), i.Weight(), team)
	}
	if err := r.Deregister(info("10.0.0.1:80")); err != nil {
		t.Fatal(err)
	}
	if _, err := clienttest.Found(t.Context(), c, "payments", 0); err != nil {
		t.Fatal(err)
	}
	after, err := resolver.Resolve(t.Context(), "payments")
	if change, ok := resolver.Diff("payments", before, after); err != nil || !ok || len(change.Removed) != 1 || len(after.Instances) != 0 {
		t.Errorf("%+v, %v", change, err)
	}
}

func TestAServerThatNobodyCanCallIsNotRegistered(t *testing.T) {
	r := kitex.NewRegistry(nil)
	if err := r.Register(info(":8888")); err == nil {
		t.Error("all addresses of the machine are registered")
	}
	if err := r.Register(&registry.Info{ServiceName: "payments", Addr: &net.UnixAddr{Name: "/run/a.sock", Net: "unix"}}); err == nil {
		t.Error("a socket of the machine is registered")
	}
	if err := r.Register(&registry.Info{ServiceName: "payments"}); err == nil {
		t.Error("an address that is none is registered")
	}
}

// Two clients may be those of two registries, and Kitex shares what it found among resolvers of one name.
func TestResolversOfTwoClientsHaveTwoNames(t *testing.T) {
	_, connect := clienttest.Pair(t)
	a, b := connect(), connect()
	one, again, other := kitex.NewResolver(a), kitex.NewResolver(a), kitex.NewResolver(b)
	if one.Name() != again.Name() || one.Name() == other.Name() {
		t.Error("the name of a resolver is not that of its client")
	}
}
