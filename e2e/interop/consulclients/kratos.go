package main

import (
	"context"
	"fmt"
	"os"

	kratos "github.com/go-kratos/kratos/contrib/registry/consul/v2"
	"github.com/go-kratos/kratos/v2/registry"
	"github.com/hashicorp/consul/api"
)

// kratosClient is a program of Kratos: its registry reports a TTL check, has a TCP check run, and registers again by
// itself when a report fails.
type kratosClient struct {
	registry *kratos.Registry
	self     *registry.ServiceInstance
	port     *listener
}

func newKratos(s settings, seen *history) (client, error) {
	conn, err := api.NewClient(&api.Config{Address: s.registry})
	if err != nil {
		return nil, err
	}
	port, err := newListener(s.host)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	c := &kratosClient{
		registry: kratos.New(conn, kratos.WithHealthCheckInterval(2)), port: port,
		self: &registry.ServiceInstance{
			ID: s.id, Name: s.service, Version: "v1", Metadata: map[string]string{"client": "kratos"},
			Endpoints: []string{"grpc://" + port.address},
		},
	}
	if err := c.registry.Register(ctx, c.self); err != nil {
		return nil, err
	}
	for _, name := range s.watch {
		w, err := c.registry.Watch(ctx, name)
		if err != nil {
			return nil, err
		}
		go follow(w, name, seen)
	}
	return c, nil
}

func follow(w registry.Watcher, name string, seen *history) {
	for {
		instances, err := w.Next()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
		all := []string{}
		for _, i := range instances {
			for _, e := range i.Endpoints {
				all = append(all, bare(e))
			}
		}
		seen.saw(name, all)
	}
}

func (c *kratosClient) health(good bool) error { return c.port.open(good) }
func (c *kratosClient) maintenance(bool) error { return errNever }
func (c *kratosClient) stop() error            { return c.registry.Deregister(context.Background(), c.self) }
