package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/consul/api/watch"
)

// agentClient is a program that uses Consul's own client: it reports its TTL check each second, registers again when it
// is told that there is no such check, and follows services by plans of package watch.
type agentClient struct {
	agent *api.Agent
	self  *api.AgentServiceRegistration
	port  *listener
	done  chan struct{}

	mu     sync.Mutex
	status string
}

func newAgent(s settings, seen *history) (client, error) {
	conn, err := api.NewClient(&api.Config{Address: s.registry})
	if err != nil {
		return nil, err
	}
	port, err := newListener(s.host)
	if err != nil {
		return nil, err
	}
	c := &agentClient{agent: conn.Agent(), port: port, done: make(chan struct{}), status: api.HealthPassing}
	c.self = &api.AgentServiceRegistration{
		ID: s.id, Name: s.service, Address: s.host, Port: port.port(), Tags: []string{"v1"}, Meta: map[string]string{"client": "agent"},
		Check: &api.AgentServiceCheck{TTL: "5s", Status: api.HealthPassing, DeregisterCriticalServiceAfter: "1m"},
	}
	if err := c.agent.ServiceRegister(c.self); err != nil {
		return nil, err
	}
	go c.beat()
	for _, name := range s.watch {
		plan, err := watch.Parse(map[string]any{"type": "service", "service": name, "passingonly": true})
		if err != nil {
			return nil, err
		}
		plan.Handler = func(_ uint64, result any) {
			if entries, ok := result.([]*api.ServiceEntry); ok {
				seen.saw(name, addressesOf(entries))
			}
		}
		go func() {
			if err := plan.RunWithConfig(s.registry, &api.Config{}); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}()
	}
	return c, nil
}

// addressesOf is where the instances are, as all clients of Consul see it.
func addressesOf(entries []*api.ServiceEntry) []string {
	all := make([]string, 0, len(entries))
	for _, e := range entries {
		host := e.Service.Address
		if host == "" {
			host = e.Node.Address
		}
		all = append(all, net.JoinHostPort(host, strconv.Itoa(e.Service.Port)))
	}
	return all
}

func (c *agentClient) beat() {
	for ticks := time.NewTicker(time.Second); ; {
		select {
		case <-c.done:
			return
		case <-ticks.C:
			var status api.StatusError
			err := c.report()
			if errors.As(err, &status) && status.Code == http.StatusNotFound {
				err = c.agent.ServiceRegister(c.self)
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}
}

func (c *agentClient) report() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.agent.UpdateTTL("service:"+c.self.ID, "as told", c.status)
}

func (c *agentClient) health(good bool) error {
	c.mu.Lock()
	c.status = api.HealthCritical
	if good {
		c.status = api.HealthPassing
	}
	c.mu.Unlock()
	return c.report()
}

func (c *agentClient) maintenance(on bool) error {
	if on {
		return c.agent.EnableServiceMaintenance(c.self.ID, "a new disk")
	}
	return c.agent.DisableServiceMaintenance(c.self.ID)
}

func (c *agentClient) stop() error {
	close(c.done)
	return c.agent.ServiceDeregister(c.self.ID)
}
