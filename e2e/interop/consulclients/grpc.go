package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hashicorp/consul/api"
	_ "github.com/mbobakov/grpc-consul-resolver" // It registers itself, for names that begin with consul:.
	"google.golang.org/grpc"
	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/balancer/roundrobin"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// grpcClient is two servers of gRPC, whose health service the registry asks, and connections to every service that the
// program follows, by the resolver. The first server is the program's own instance. The second, of the service's name with
// "-calls" behind it, is always healthy, and is called by its name all the time.
type grpcClient struct {
	agent         *api.Agent
	id, calledID  string
	own           *health.Server
	calls, failed atomic.Int64
}

func newGRPC(s settings, seen *history) (client, error) {
	conn, err := api.NewClient(&api.Config{Address: s.registry})
	if err != nil {
		return nil, err
	}
	c := &grpcClient{agent: conn.Agent(), id: s.id, calledID: s.id + "-calls"}
	if c.own, err = c.serve(s.host, s.service, c.id); err != nil {
		return nil, err
	}
	if _, err = c.serve(s.host, s.service+"-calls", c.calledID); err != nil {
		return nil, err
	}
	balancer.Register(watching{seen})
	for _, name := range s.watch {
		to, err := dial(s.registry, name)
		if err != nil {
			return nil, err
		}
		to.Connect()
	}
	to, err := dial(s.registry, s.service+"-calls")
	if err != nil {
		return nil, err
	}
	go c.call(grpc_health_v1.NewHealthClient(to))
	return c, nil
}

// serve starts a server and registers it.
func (c *grpcClient) serve(host, service, id string) (*health.Server, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	server, state := grpc.NewServer(), health.NewServer()
	grpc_health_v1.RegisterHealthServer(server, state)
	go func() { _ = server.Serve(l) }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	number, _ := strconv.Atoi(port)
	return state, c.agent.ServiceRegister(&api.AgentServiceRegistration{
		ID: id, Name: service, Address: host, Port: number, Tags: []string{"v1"}, Meta: map[string]string{"client": "grpc"},
		Check: &api.AgentServiceCheck{GRPC: l.Addr().String(), Interval: "1s", Timeout: "5s", Status: api.HealthPassing},
	})
}

func dial(registry, service string) (*grpc.ClientConn, error) {
	return grpc.NewClient("consul://"+registry+"/"+service+"?healthy=true",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"watching":{}}]}`))
}

// call calls all the time, and counts from the first answer on: before it, the node that is asked for the server may not
// have heard of it from the node that has registered it.
func (c *grpcClient) call(to grpc_health_v1.HealthClient) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_, err := to.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		cancel()
		if err == nil || c.calls.Load() > 0 {
			c.calls.Add(1)
		}
		if err != nil && c.calls.Load() > 0 {
			c.failed.Add(1)
			fmt.Fprintln(os.Stderr, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (c *grpcClient) failures() (failed, calls int) { return int(c.failed.Load()), int(c.calls.Load()) }

func (c *grpcClient) health(good bool) error {
	status := grpc_health_v1.HealthCheckResponse_NOT_SERVING
	if good {
		status = grpc_health_v1.HealthCheckResponse_SERVING
	}
	c.own.SetServingStatus("", status)
	return nil
}

func (c *grpcClient) maintenance(on bool) error {
	if on {
		return c.agent.EnableServiceMaintenance(c.id, "a new disk")
	}
	return c.agent.DisableServiceMaintenance(c.id)
}

func (c *grpcClient) stop() error {
	return errors.Join(c.agent.ServiceDeregister(c.id), c.agent.ServiceDeregister(c.calledID))
}

// watching is the round robin of gRPC that notes what the resolver tells it.
type watching struct{ seen *history }

func (watching) Name() string { return "watching" }

func (w watching) Build(cc balancer.ClientConn, opts balancer.BuildOptions) balancer.Balancer {
	service := opts.Target.Endpoint()
	return noting{Balancer: balancer.Get(roundrobin.Name).Build(cc, opts), seen: w.seen, service: service}
}

type noting struct {
	balancer.Balancer
	seen    *history
	service string
}

func (n noting) UpdateClientConnState(s balancer.ClientConnState) error {
	all := make([]string, 0, len(s.ResolverState.Addresses))
	for _, a := range s.ResolverState.Addresses {
		all = append(all, a.Addr)
	}
	n.seen.saw(n.service, all)
	s.BalancerConfig = nil // Round robin has none.
	return n.Balancer.UpdateClientConnState(s)
}
