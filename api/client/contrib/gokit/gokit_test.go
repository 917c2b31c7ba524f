package gokit_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd"
	"github.com/go-kit/kit/sd/lb"
	khttp "github.com/go-kit/kit/transport/http"
	"github.com/go-kit/log"
	"go.uber.org/goleak"

	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/client/contrib/gokit"
	"github.com/musterhq/muster/api/clienttest"
)

// memberlist does not wait for a probe that is under way, which ends by itself.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/hashicorp/memberlist.(*Memberlist).probe"))
}

// program is a Go kit program that serves one endpoint over HTTP.
func program(t *testing.T, c *client.Client, name string, who endpoint.Endpoint) (stop func()) {
	t.Helper()
	decode := func(context.Context, *http.Request) (any, error) { return nil, nil }
	encode := func(_ context.Context, w http.ResponseWriter, answer any) error {
		_, err := io.WriteString(w, answer.(string)) //nolint:errcheck // It is one.
		return err
	}
	server := httptest.NewServer(khttp.NewServer(who, decode, encode))
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	inst := client.Instance{Service: name, ID: u.Host, Address: u.Hostname(), Port: port(t, u)}
	r := gokit.NewRegistrar(c, inst, log.NewNopLogger())
	r.Register()
	stop = sync.OnceFunc(func() { r.Deregister(); server.Close() })
	t.Cleanup(stop)
	return stop
}

// caller is the endpoint of a service by its name, tried at up to three instances.
func caller(t *testing.T, c *client.Client, name string) endpoint.Endpoint {
	t.Helper()
	instancer := gokit.NewInstancer(c, name, log.NewNopLogger())
	transport := &http.Transport{}
	factory := func(instance string) (endpoint.Endpoint, io.Closer, error) {
		encode := func(context.Context, *http.Request, any) error { return nil }
		decode := func(_ context.Context, res *http.Response) (any, error) {
			b, err := io.ReadAll(res.Body)
			if res.StatusCode != http.StatusOK {
				return nil, errors.New(res.Status)
			}
			return string(b), err
		}
		return khttp.NewClient(http.MethodGet, &url.URL{Scheme: "http", Host: instance, Path: "/"}, encode, decode,
			khttp.SetClient(&http.Client{Transport: transport})).Endpoint(), nil, nil
	}
	endpointer := sd.NewEndpointer(instancer, factory, log.NewNopLogger())
	t.Cleanup(func() { endpointer.Close(); instancer.Stop(); transport.CloseIdleConnections() })
	return lb.Retry(3, 10*time.Second, lb.NewRoundRobin(endpointer))
}

func is(who string) endpoint.Endpoint {
	return func(context.Context, any) (any, error) { return who, nil }
}

// Orders calls payments by its name while instances come and go and a node dies.
func TestAProgramCallsAnotherByItsName(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cluster, connect := clienttest.Pair(t)
	server, finder := connect(), connect()
	program(t, server, "payments", is("pay-1"))
	program(t, server, "payments", is("pay-2"))
	program(t, server, "orders", caller(t, finder, "payments"))
	for service, instances := range map[string]int{"payments": 2, "orders": 1} {
		if _, err := clienttest.Found(ctx, finder, service, instances); err != nil {
			t.Fatal(err)
		}
	}
	orders := caller(t, finder, "orders")
	call := func(ctx context.Context) (string, error) {
		who, err := orders(ctx, nil)
		text, _ := who.(string)
		return text, err
	}
	clienttest.LivesOn(ctx, t, cluster, call, func(name string) func() { return program(t, server, "payments", is(name)) })
}

// A channel gets what there is at once, every change, and nothing once it is deregistered, or the instancer is stopped.
func TestAChannelGetsWhatThereIsAndWhatChanges(t *testing.T) {
	_, connect := clienttest.Pair(t)
	c := connect()
	register := func(address string) *gokit.Registrar {
		r := gokit.NewRegistrar(c, client.Instance{Service: "payments", Address: address, Port: 80, Metadata: map[string]string{"team": "money"}, Weight: 7}, log.NewNopLogger())
		r.Register()
		return r
	}
	instancer := gokit.NewInstancer(c, "payments", log.NewNopLogger())
	events := make(chan sd.Event, 1)
	instancer.Register(events)
	expect := func(want ...string) {
		t.Helper()
		if ev := <-events; ev.Err != nil || strings.Join(ev.Instances, " ") != strings.Join(want, " ") {
			t.Fatalf("%+v, want %v", ev, want)
		}
	}
	expect()
	two := register("10.0.0.2")
	expect("10.0.0.2:80")
	register("10.0.0.1")
	expect("10.0.0.1:80", "10.0.0.2:80")
	late := make(chan sd.Event, 1)
	instancer.Register(late)
	if ev := <-late; len(ev.Instances) != 2 {
		t.Errorf("who registers late gets %+v", ev)
	}
	instancer.Deregister(late)
	two.Deregister()
	expect("10.0.0.1:80")
	found, err := clienttest.Found(t.Context(), c, "payments", 1)
	if err != nil || found[0].Metadata["team"] != "money" || found[0].Weight != 7 {
		t.Errorf("%+v, %v", found, err)
	}
	instancer.Stop()
	register("10.0.0.3")
	if _, err := clienttest.Found(t.Context(), c, "payments", 2); err != nil {
		t.Fatal(err)
	}
	select {
	case ev := <-events:
		t.Errorf("after its end the instancer says %+v", ev)
	case ev := <-late:
		t.Errorf("a channel that is deregistered gets %+v", ev)
	default:
	}
}

// node is a registry without an instance, once it is up.
type node struct{ up atomic.Bool }

func (n *node) RoundTrip(req *http.Request) (*http.Response, error) {
	if !n.up.Load() {
		return nil, errRefused
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Muster-Node": {"n1"}, "Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(`{"instances":[]}`)), Request: req,
	}, nil
}

var errRefused = errors.New("connection refused")

// A registry that is out of reach from the start is an event that says so, after a while, and not an empty list; that there is
// nobody is an event of its own.
func TestARegistryOutOfReachIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := &node{}
		c, err := client.New(client.Config{Nodes: []string{"http://192.0.2.1:8761"}, Transport: registry, Refresh: client.Poll})
		if err != nil {
			t.Fatal(err)
		}
		instancer := gokit.NewInstancer(c, "payments", log.NewNopLogger())
		events := make(chan sd.Event, 1)
		instancer.Register(events)
		if ev := <-events; !errors.Is(ev.Err, client.ErrUnavailable) && !errors.Is(ev.Err, errRefused) || len(ev.Instances) != 0 {
			t.Errorf("%+v, want the error of the client", ev)
		}
		registry.up.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		select {
		case ev := <-events:
			if ev.Err != nil || len(ev.Instances) != 0 {
				t.Errorf("%+v, want no error and no instance", ev)
			}
		default:
			t.Error("a registry that is back is no event")
		}
		instancer.Stop()
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func port(t *testing.T, u *url.URL) int {
	t.Helper()
	n, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return n
}
