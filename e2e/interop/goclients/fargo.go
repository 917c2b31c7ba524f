package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hudl/fargo"
)

// fargoClient is a program that uses fargo as its README says: fargo registers, and the program beats the heart.
type fargoClient struct {
	conn fargo.EurekaConnection
	self *fargo.Instance
	quit chan chan error
}

func newFargo(s settings) (client, error) {
	c := &fargoClient{conn: connect(s), self: describeSelf(s, "fargo"), quit: make(chan chan error)}
	if err := retry(func() error { return c.conn.RegisterInstance(c.self) }); err != nil {
		return nil, err
	}
	go c.beat(time.Duration(s.renew) * time.Second)
	return c, nil
}

func connect(s settings) fargo.EurekaConnection {
	conn := fargo.NewConn(s.urls...)
	conn.PollInterval = time.Second
	return conn
}

func describeSelf(s settings, client string) *fargo.Instance {
	i := &fargo.Instance{
		InstanceId: s.id, App: s.app, HostName: "127.0.0.1", IPAddr: "127.0.0.1", VipAddress: s.app, SecureVipAddress: s.app,
		Status: fargo.UP, Port: s.port, PortEnabled: true,
		DataCenterInfo: fargo.DataCenterInfo{Name: fargo.MyOwn},
		LeaseInfo:      fargo.LeaseInfo{RenewalIntervalInSecs: int32(s.renew), DurationInSecs: int32(s.lease)},
	}
	i.SetMetadataString("client", client)
	return i
}

// retry asks again when a server does not answer: fargo draws one of its servers at random for every request, the dead
// ones too, and leaves the rest to its caller.
func retry(ask func() error) (err error) {
	for range 20 { // With one of three dead, five in a row would be the dead one once in 243 times.
		if err = ask(); err == nil {
			return nil
		}
		if _, answered := fargo.HTTPResponseStatusCode(err); answered {
			return err
		}
	}
	return err
}

func (c *fargoClient) beat(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case done := <-c.quit:
			done <- retry(func() error { return c.conn.DeregisterInstance(c.self) })
			return
		case <-tick.C:
			err := retry(func() error { return c.conn.HeartBeatInstance(c.self) })
			if code, ok := fargo.HTTPResponseStatusCode(err); ok && code == http.StatusNotFound {
				err = retry(func() error { return c.conn.ReregisterInstance(c.self) })
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, "heartbeat:", err)
			}
		}
	}
}

func (c *fargoClient) status(to string) error {
	return retry(func() error { return c.conn.UpdateInstanceStatus(c.self, fargo.StatusType(to)) })
}

func (c *fargoClient) sees(app string) (n int, err error) {
	found, err := getApp(&c.conn, app)
	for _, i := range found {
		if i.Status == fargo.UP {
			n++
		}
	}
	return n, err
}

// getApp is an app's instances; none if there is no such app.
func getApp(conn *fargo.EurekaConnection, name string) ([]*fargo.Instance, error) {
	var app *fargo.Application
	err := retry(func() (err error) {
		app, err = conn.GetApp(name)
		if errors.As(err, &fargo.AppNotFoundError{}) {
			return nil
		}
		return err
	})
	if err != nil || app == nil {
		return nil, err
	}
	return app.Instances, nil
}

// instance reads the whole registry twice, as XML and as JSON: fargo has a decoder for each, and they have to agree. Names
// of metadata are escaped in XML, and fargo leaves them so.
func (c *fargoClient) instance(app, id string) (fields, error) {
	var seen [2]fields
	for k, json := range []bool{false, true} {
		conn := c.conn
		conn.UseJson = json
		var apps map[string]*fargo.Application
		if err := retry(func() (err error) { apps, err = conn.GetApps(); return err }); err != nil {
			return nil, fmt.Errorf("JSON %t: %w", json, err)
		}
		found := apps[app]
		if found == nil {
			return nil, nil
		}
		for _, i := range found.Instances {
			if i.InstanceId == id {
				seen[k] = describe(i)
				seen[k]["metadata"] = unescaped(i.Metadata.GetMap())
			}
		}
	}
	if fmt.Sprint(seen[0]) != fmt.Sprint(seen[1]) {
		return nil, fmt.Errorf("in XML it is %v, in JSON %v", seen[0], seen[1])
	}
	return seen[1], nil
}

func unescaped(escaped map[string]any) map[string]any {
	m := map[string]any{}
	for key, value := range escaped {
		m[strings.ReplaceAll(key, "__", "_")] = value
	}
	return m
}

func describe(i *fargo.Instance) fields {
	return fields{
		"id": i.InstanceId, "app": i.App, "host": i.HostName, "ip": i.IPAddr,
		"port": i.Port, "portEnabled": i.PortEnabled, "securePort": i.SecurePort, "securePortEnabled": i.SecurePortEnabled,
		"status": i.Status, "overridden": i.Overriddenstatus, "vip": i.VipAddress, "secureVip": i.SecureVipAddress,
		"homePage": i.HomePageUrl, "statusPage": i.StatusPageUrl, "healthCheck": i.HealthCheckUrl,
		"country": i.CountryId, "dataCenter": i.DataCenterInfo.Name,
		"renew": i.LeaseInfo.RenewalIntervalInSecs, "lease": i.LeaseInfo.DurationInSecs,
		"metadata": i.Metadata.GetMap(),
	}
}

func (c *fargoClient) stop() error {
	done := make(chan error)
	c.quit <- done
	return <-done
}
