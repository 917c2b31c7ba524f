package main

import (
	"os"

	"github.com/go-kit/kit/sd"
	"github.com/go-kit/kit/sd/consul"
	"github.com/go-kit/log"
	"github.com/hashicorp/consul/api"
)

// kitClient is a program of Go kit. Its registrar registers and keeps nothing alive: the registry looks at its port.
type kitClient struct {
	registrar *consul.Registrar
	port      *listener
}

func newKit(s settings, seen *history) (client, error) {
	conn, err := api.NewClient(&api.Config{Address: s.registry})
	if err != nil {
		return nil, err
	}
	port, err := newListener(s.host)
	if err != nil {
		return nil, err
	}
	kit, logger := consul.NewClient(conn), log.NewSyncLogger(log.NewLogfmtLogger(os.Stderr))
	c := &kitClient{port: port, registrar: consul.NewRegistrar(kit, &api.AgentServiceRegistration{
		ID: s.id, Name: s.service, Address: s.host, Port: port.port(), Tags: []string{"v1"}, Meta: map[string]string{"client": "gokit"},
		Check: &api.AgentServiceCheck{TCP: port.address, Interval: "1s", Timeout: "5s", Status: api.HealthPassing},
	}, logger)}
	c.registrar.Register()
	for _, name := range s.watch {
		events := make(chan sd.Event)
		go func() {
			for e := range events {
				if e.Err == nil { // Else what uses an instancer keeps the instances that it has.
					seen.saw(name, e.Instances)
				}
			}
		}()
		go consul.NewInstancer(kit, logger, name, nil, true).Register(events)
	}
	return c, nil
}

func (c *kitClient) health(good bool) error { return c.port.open(good) }
func (c *kitClient) maintenance(bool) error { return errNever }

func (c *kitClient) stop() error {
	c.registrar.Deregister()
	return nil
}
