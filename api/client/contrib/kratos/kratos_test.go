package kratos_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-kratos/kratos/v2"
	"github.com/go-kratos/kratos/v2/log"
	"github.com/go-kratos/kratos/v2/registry"
	kgrpc "github.com/go-kratos/kratos/v2/transport/grpc"
	khttp "github.com/go-kratos/kratos/v2/transport/http"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/musterhq/muster/api/client"
	muster "github.com/musterhq/muster/api/client/contrib/kratos"
	"github.com/musterhq/muster/api/clienttest"
)

func TestMain(m *testing.M) {
	log.SetLogger(log.NewStdLogger(io.Discard))
	m.Run()
}

type reply struct {
	Who string `json:"who"`
}

// program is a kratos program with a server of HTTP and one of gRPC, whose instance is called id.
func program(t *testing.T, c *client.Client, name, id string, answer func(context.Context) (string, error)) (stop func()) {
	t.Helper()
	web := khttp.NewServer(khttp.Address("127.0.0.1:0"))
	web.HandleFunc("/who", func(w http.ResponseWriter, r *http.Request) {
		who, err := answer(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(reply{who})
	})
	app := kratos.New(kratos.ID(id), kratos.Name(name), kratos.Version("v2"), kratos.Metadata(map[string]string{"team": "money", "weight": "20"}),
		kratos.Server(web, kgrpc.NewServer(kgrpc.Address("127.0.0.1:0"))), kratos.Registrar(muster.New(c)))
	var running sync.WaitGroup
	running.Go(func() {
		if err := app.Run(); err != nil {
			t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() {
		if err := app.Stop(); err != nil {
			t.Error(err)
		}
		running.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// Orders calls payments by its name, over HTTP and over gRPC, while instances come and go and a node dies.
func TestAProgramCallsAnotherByItsName(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cluster, connect := clienttest.Pair(t)
	is := func(id string) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return id, nil }
	}
	server := connect()
	program(t, server, "payments", "pay-1", is("pay-1"))
	program(t, server, "payments", "pay-2", is("pay-2"))

	found := muster.New(connect())
	payments, err := khttp.NewClient(ctx, khttp.WithEndpoint("discovery:///payments"), khttp.WithDiscovery(found), khttp.WithBlock())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = payments.Close() }()
	program(t, connect(), "orders", "order-1", func(ctx context.Context) (string, error) {
		var r reply
		var err error
		for range 20 { // One that stops refuses calls from the moment at which it is deregistered.
			if err = payments.Invoke(ctx, http.MethodGet, "/who", nil, &r); err == nil {
				break
			}
		}
		return r.Who, err
	})
	orders, err := khttp.NewClient(ctx, khttp.WithEndpoint("discovery:///orders"), khttp.WithDiscovery(found), khttp.WithBlock())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = orders.Close() }()
	call := func(ctx context.Context) (string, error) {
		var r reply
		err := orders.Invoke(ctx, http.MethodGet, "/who", nil, &r)
		return r.Who, err
	}
	clienttest.LivesOn(ctx, t, cluster, call, func(name string) func() { return program(t, server, "payments", name, is(name)) })

	conn, err := kgrpc.DialInsecure(ctx, kgrpc.WithEndpoint("discovery:///payments"), kgrpc.WithDiscovery(found))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	health, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil || health.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("over gRPC payments is %v, %v", health.GetStatus(), err)
	}

	services, err := found.GetService(ctx, "payments")
	if err != nil || len(services) != 3 {
		t.Fatalf("%v, %v; want three instances", services, err)
	}
	s := services[0]
	if s.ID != "pay-1" || s.Name != "payments" || s.Version != "v2" || len(s.Metadata) != 2 || s.Metadata["team"] != "money" ||
		s.Metadata["weight"] != "20" || len(s.Endpoints) != 2 {
		t.Errorf("kratos gets back %+v", s)
	}
}

// watching calls Next in a goroutine, since it blocks.
func watching(t *testing.T, w registry.Watcher) <-chan []*registry.ServiceInstance {
	t.Helper()
	heard := make(chan []*registry.ServiceInstance)
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		defer close(heard)
		for {
			all, err := w.Next()
			if err != nil {
				if !strings.Contains(err.Error(), context.Canceled.Error()) {
					t.Error(err)
				}
				return
			}
			select {
			case heard <- all:
			case <-done:
				return
			}
		}
	})
	t.Cleanup(func() { close(done); running.Wait() })
	return heard
}

func TestAWatcherSaysWhatChangesUntilItIsStopped(t *testing.T) {
	_, connect := clienttest.Pair(t)
	r := muster.New(connect())
	w, err := r.Watch(t.Context(), "payments")
	if err != nil {
		t.Fatal(err)
	}
	heard := watching(t, w)
	one := &registry.ServiceInstance{ID: "1", Name: "payments", Endpoints: []string{"http://10.0.0.1:80", "grpc://10.0.0.1:81"}}
	two := &registry.ServiceInstance{ID: "2", Name: "payments", Endpoints: []string{"http://10.0.0.2:80"}}
	for _, step := range []struct {
		do   func(context.Context, *registry.ServiceInstance) error
		with *registry.ServiceInstance
		want int
	}{{r.Register, one, 1}, {r.Register, two, 2}, {r.Deregister, one, 1}, {r.Deregister, two, 0}} {
		if err := step.do(t.Context(), step.with); err != nil {
			t.Fatal(err)
		}
		if all := <-heard; len(all) != step.want {
			t.Fatalf("the watcher says %v, want %d", all, step.want)
		}
	}
	if err := w.Stop(); err != nil {
		t.Error(err)
	}
	if all, ok := <-heard; ok {
		t.Errorf("after its end the watcher says %v", all)
	}
}
