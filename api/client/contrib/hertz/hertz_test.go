package hertz_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	hclient "github.com/cloudwego/hertz/pkg/app/client"
	"github.com/cloudwego/hertz/pkg/app/client/loadbalance"
	"github.com/cloudwego/hertz/pkg/app/middlewares/client/sd"
	hserver "github.com/cloudwego/hertz/pkg/app/server"
	"github.com/cloudwego/hertz/pkg/app/server/registry"
	"github.com/cloudwego/hertz/pkg/common/config"
	"github.com/cloudwego/hertz/pkg/common/hlog"
	"github.com/cloudwego/hertz/pkg/network/standard"

	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/client/contrib/hertz"
	"github.com/musterhq/muster/api/clienttest"
)

func TestMain(m *testing.M) {
	hlog.SetOutput(io.Discard)
	m.Run()
}

// answer says who somebody is.
type answer func(context.Context) (string, error)

// program is a Hertz program with a server.
func program(t *testing.T, c *client.Client, name string, a answer) (stop func()) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := hserver.New(hserver.WithListener(listener), hserver.WithTransport(standard.NewTransporter), hserver.WithExitWaitTime(10*time.Millisecond),
		hserver.WithRegistry(hertz.NewRegistry(c), &registry.Info{
			ServiceName: name, Addr: listener.Addr(), Weight: 20, Tags: map[string]string{"team": "money"},
		}))
	h.GET("/who", func(ctx context.Context, request *app.RequestContext) {
		who, err := a(ctx)
		if err != nil {
			request.String(http.StatusBadGateway, "%v", err)
			return
		}
		request.String(http.StatusOK, "%s", who)
	})
	end := make(chan struct{})
	h.SetCustomSignalWaiter(func(failed chan error) error {
		select {
		case err := <-failed:
			return err
		case <-end:
			return nil
		}
	})
	var running sync.WaitGroup
	running.Go(h.Spin)
	stop = sync.OnceFunc(func() { close(end); running.Wait() })
	t.Cleanup(stop)
	return stop
}

// caller calls a service by its name. Hertz does not go to another instance when one is gone: whoever calls has to.
func caller(t *testing.T, c *client.Client, name string) answer {
	t.Helper()
	cli, err := hclient.NewClient()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cli.CloseIdleConnections)
	cli.Use(sd.Discovery(hertz.NewResolver(c),
		sd.WithLoadBalanceOptions(loadbalance.NewWeightedBalancer(), loadbalance.Options{RefreshInterval: 20 * time.Millisecond})))
	return func(ctx context.Context) (who string, err error) {
		for range 20 {
			status, body, err := cli.Get(ctx, nil, "http://"+name+"/who", config.WithSD(true))
			if err == nil && status == http.StatusOK {
				return string(body), nil
			}
			who = fmt.Sprint(status, string(body), err)
		}
		return "", fmt.Errorf("%w: %s", errFailed, who)
	}
}

var errFailed = errors.New("all calls fail")

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
	for service, instances := range map[string]int{"payments": 2, "orders": 1} { // Hertz registers a second after it serves.
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
		ServiceName: "payments", Addr: addr, Weight: 7, Tags: map[string]string{"team": "money"},
	}
}

// What a server says, a client of Hertz gets back, and the registry has in its own fields.
func TestWhatAServerSaysIsResolved(t *testing.T) {
	_, connect := clienttest.Pair(t)
	c := connect()
	r, resolver := hertz.NewRegistry(c), hertz.NewResolver(c)
	if err := r.Register(info("10.0.0.1:80")); err != nil {
		t.Fatal(err)
	}
	found, err := clienttest.Found(t.Context(), c, "payments", 1)
	if err != nil {
		t.Fatal(err)
	}
	if i := found[0]; i.Weight != 7 || i.Metadata["team"] != "money" {
		t.Errorf("the registry has %+v", i)
	}
	before, err := resolver.Resolve(t.Context(), "payments")
	if err != nil || len(before.Instances) != 1 || before.CacheKey != "payments" {
		t.Fatalf("%+v, %v", before, err)
	}
	i := before.Instances[0]
	if team, ok := i.Tag("team"); i.Address().String() != "10.0.0.1:80" || i.Weight() != 7 || !ok || team != "money" {
		t.Errorf("Hertz gets %v, weight %d, team %q back", i.Address(), i.Weight(), team)
	}
	if err := r.Deregister(info("10.0.0.1:80")); err != nil {
		t.Fatal(err)
	}
	if _, err := clienttest.Found(t.Context(), c, "payments", 0); err != nil {
		t.Fatal(err)
	}
	after, err := resolver.Resolve(t.Context(), "payments")
	if err != nil || len(after.Instances) != 0 {
		t.Errorf("%+v, %v", after, err)
	}
}

func TestAServerThatNobodyCanCallIsNotRegistered(t *testing.T) {
	r := hertz.NewRegistry(nil)
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

// Two clients may be those of two registries, and Hertz shares what it found among resolvers of one name.
func TestResolversOfTwoClientsHaveTwoNames(t *testing.T) {
	_, connect := clienttest.Pair(t)
	a, b := connect(), connect()
	one, again, other := hertz.NewResolver(a), hertz.NewResolver(a), hertz.NewResolver(b)
	if one.Name() != again.Name() || one.Name() == other.Name() {
		t.Error("the name of a resolver is not that of its client")
	}
}
