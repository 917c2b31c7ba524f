package gozero_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/zeromicro/go-zero/core/conf"
	"github.com/zeromicro/go-zero/core/logx"
	"github.com/zeromicro/go-zero/zrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/interop/grpc_testing"

	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/client/contrib/gozero"
	"github.com/musterhq/muster/api/clienttest"
)

func TestMain(m *testing.M) {
	logx.SetWriter(logx.NewWriter(io.Discard))
	logx.DisableStat()
	m.Run()
}

// somewhere is a port that was free a moment ago, of an address of this machine that nobody else draws: go-zero does not say
// where it listens if it may choose.
func somewhere(t *testing.T) string {
	t.Helper()
	host := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// answer is a gRPC service that says who it is, as the user name of an answer.
type answer struct {
	grpc_testing.UnimplementedTestServiceServer
	who func(context.Context) (string, error)
}

func (a answer) UnaryCall(ctx context.Context, _ *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
	who, err := a.who(ctx)
	return &grpc_testing.SimpleResponse{Username: who}, err
}

func is(who string) answer {
	return answer{who: func(context.Context) (string, error) { return who, nil }}
}

// serve starts a server and returns gRPC's own, which go-zero ends with the process and not before.
func serve(t *testing.T, config zrpc.RpcServerConf, a answer) *grpc.Server {
	t.Helper()
	listening := make(chan *grpc.Server, 1)
	server, err := zrpc.NewServer(config, func(s *grpc.Server) {
		grpc_testing.RegisterTestServiceServer(s, a)
		listening <- s
	})
	if err != nil {
		t.Fatal(err)
	}
	go server.Start()
	return <-listening
}

// ask makes a call.
func ask(ctx context.Context, cli zrpc.Client) (who string, err error) {
	reply, err := grpc_testing.NewTestServiceClient(cli.Conn()).UnaryCall(ctx, &grpc_testing.SimpleRequest{}, grpc.WaitForReady(true))
	return reply.GetUsername(), err
}

// program is a go-zero program with an RPC server.
func program(t *testing.T, c *client.Client, name string, a answer) (stop func()) {
	t.Helper()
	var config zrpc.RpcServerConf
	if err := conf.FillDefault(&config); err != nil {
		t.Fatal(err)
	}
	config.Name, config.ListenOn = name, somewhere(t)
	inside := serve(t, config, a)
	reg, err := gozero.Register(context.WithoutCancel(t.Context()), c, config, client.Instance{Metadata: map[string]string{"team": "money"}, Weight: 7})
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		if err := reg.Deregister(context.Background()); err != nil {
			t.Error(err)
		}
		inside.GracefulStop()
	})
	t.Cleanup(stop)
	return stop
}

// caller calls a target.
func caller(t *testing.T, c *client.Client, target string) answer {
	t.Helper()
	cli, err := zrpc.NewClientWithTarget(target, gozero.Discovery(c))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cli.Conn().Close() })
	return answer{who: func(ctx context.Context) (string, error) { return ask(ctx, cli) }}
}

// Orders calls payments by its name while instances come and go and a node dies.
func TestAProgramCallsAnotherByItsName(t *testing.T) {
	for name, query := range map[string]string{"p2c_ewma": "", "muster_weighted": "?lb=muster_weighted"} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			nodes, connect := clienttest.Pair(t)
			server, finder := connect(), connect()
			program(t, server, "payments", is("pay-1"))
			program(t, server, "payments", is("pay-2"))
			program(t, server, "orders", caller(t, finder, "muster:///payments"+query))
			orders := caller(t, finder, "muster:///orders"+query)
			clienttest.LivesOn(ctx, t, nodes, orders.who, func(name string) func() { return program(t, server, "payments", is(name)) })
		})
	}
}

// What the config does not say, the instance does, and the other way round.
func TestAServerIsRegisteredWhereItsConfigSays(t *testing.T) {
	_, connect := clienttest.Pair(t)
	c := connect()
	config := zrpc.RpcServerConf{ListenOn: "10.0.0.1:80"}
	config.Name = "payments"
	everywhere := zrpc.RpcServerConf{ListenOn: "0.0.0.0:80"}
	for _, s := range []struct {
		conf    zrpc.RpcServerConf
		inst    client.Instance
		service string
		at      string
	}{
		{config, client.Instance{}, "payments", "10.0.0.1:80"},
		{config, client.Instance{Service: "paying", Address: "10.0.0.2"}, "paying", "10.0.0.2:80"},
		{everywhere, client.Instance{Service: "orders", Address: "10.0.0.3"}, "orders", "10.0.0.3:80"},
		{zrpc.RpcServerConf{}, client.Instance{Service: "users", Address: "10.0.0.4", Port: 81}, "users", "10.0.0.4:81"},
	} {
		s.inst.Metadata, s.inst.Tags, s.inst.Weight = map[string]string{"version": "2"}, []string{"eu"}, 7
		reg, err := gozero.Register(context.WithoutCancel(t.Context()), c, s.conf, s.inst)
		if err != nil {
			t.Fatal(err)
		}
		found, err := clienttest.Found(t.Context(), c, s.service, 1)
		if err != nil {
			t.Fatal(err)
		}
		if i := found[0]; i.HostPort() != s.at || i.Metadata["version"] != "2" || len(i.Tags) != 1 || i.Weight != 7 {
			t.Errorf("%s is registered as %+v, want it at %s", s.service, i, s.at)
		}
		if err := reg.Deregister(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, err := gozero.Register(t.Context(), c, everywhere, client.Instance{Service: "orders"}); err == nil {
		t.Error("all addresses of the machine are registered")
	}
}
