package main

import (
	"os"

	"github.com/go-kit/kit/sd"
	"github.com/go-kit/kit/sd/eureka"
	"github.com/go-kit/log"
	"github.com/hudl/fargo"
)

// kitClient is a program of Go kit: its registrar keeps the instance, and an instancer follows each app that is asked for.
type kitClient struct {
	conn      *fargo.EurekaConnection
	self      *fargo.Instance
	registrar *eureka.Registrar
	log       log.Logger
	follows   map[string]chan sd.Event
	seen      map[string]int
}

func newKit(s settings) (client, error) {
	conn := connect(s)
	c := &kitClient{
		conn: &conn, self: describeSelf(s, "gokit"), log: log.NewSyncLogger(log.NewLogfmtLogger(os.Stderr)),
		follows: map[string]chan sd.Event{}, seen: map[string]int{},
	}
	c.registrar = eureka.NewRegistrar(c.conn, c.self, c.log)
	c.registrar.Register()
	return c, nil
}

func (c *kitClient) status(to string) error {
	return retry(func() error { return c.conn.UpdateInstanceStatus(c.self, fargo.StatusType(to)) })
}

// sees is how many instances the app's instancer gave last, whatever their status: it does not look at it.
func (c *kitClient) sees(app string) (int, error) {
	events, ok := c.follows[app]
	if !ok {
		events = make(chan sd.Event, 1)
		c.follows[app] = events
		all := make(chan sd.Event)
		go latest(all, events) // Register sends at once.
		eureka.NewInstancer(c.conn, app, c.log).Register(all)
		c.take(app, <-events)
	}
	select {
	case e := <-events:
		c.take(app, e)
	default:
	}
	return c.seen[app], nil
}

// take notes what an event says. An error says that an app is gone, or that a server is: it is no news of instances in
// Go kit, which keeps what it had; here it counts as none.
func (c *kitClient) take(app string, e sd.Event) {
	c.seen[app] = len(e.Instances)
}

// latest passes on the newest event alone, and never keeps the instancer waiting.
func latest(from <-chan sd.Event, to chan sd.Event) {
	for e := range from {
		select {
		case <-to:
		default:
		}
		to <- e
	}
}

func (c *kitClient) instance(app, id string) (fields, error) {
	found, err := getApp(c.conn, app)
	for _, i := range found {
		if i.InstanceId == id {
			return describe(i), nil
		}
	}
	return nil, err
}

func (c *kitClient) stop() error {
	c.registrar.Deregister()
	return nil
}
