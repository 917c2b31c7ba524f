package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/eureka"
	"github.com/prometheus/prometheus/discovery/targetgroup"
)

// promClient is eureka_sd of a Prometheus server, one for each URL, which is how people have more than one. Like
// Prometheus, it keeps the targets of a server that does not answer.
type promClient struct {
	mu      sync.Mutex
	targets map[string][]model.LabelSet // by URL
}

func newPrometheus(s settings) (client, error) {
	c := &promClient{targets: map[string][]model.LabelSet{}}
	registry := prometheus.NewRegistry()
	refresh := discovery.NewRefreshMetrics(registry)
	if err := refresh.Register(); err != nil {
		return nil, err
	}
	for _, url := range s.urls {
		conf := &eureka.SDConfig{
			Server: url, HTTPClientConfig: config.DefaultHTTPClientConfig,
			RefreshInterval: model.Duration(time.Duration(s.renew) * time.Second),
		}
		d, err := conf.NewDiscoverer(discovery.DiscovererOptions{
			Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), Metrics: conf.NewDiscovererMetrics(registry, refresh), SetName: url,
		})
		if err != nil {
			return nil, err
		}
		groups := make(chan []*targetgroup.Group)
		go d.Run(context.Background(), groups)
		go c.follow(url, groups)
	}
	return c, nil
}

func (c *promClient) follow(url string, groups <-chan []*targetgroup.Group) {
	for g := range groups {
		c.mu.Lock()
		c.targets[url] = g[0].Targets
		c.mu.Unlock()
	}
}

const instanceLabel = model.MetaLabelPrefix + "eureka_app_instance_"

// find is the targets of an app, by instance.
func (c *promClient) find(app string) map[string]model.LabelSet {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := map[string]model.LabelSet{}
	for _, targets := range c.targets {
		for _, t := range targets {
			if string(t[model.MetaLabelPrefix+"eureka_app_name"]) == app {
				found[string(t[instanceLabel+"id"])] = t
			}
		}
	}
	return found
}

func (c *promClient) sees(app string) (int, error) {
	found := c.find(app)
	maps.DeleteFunc(found, func(_ string, t model.LabelSet) bool { return t[instanceLabel+"status"] != "UP" })
	return len(found), nil
}

func (c *promClient) instance(app, id string) (fields, error) {
	t, ok := c.find(app)[id]
	if !ok {
		return nil, nil
	}
	text := func(name string) string { return string(t[model.LabelName(instanceLabel+name)]) }
	number := func(name string) int { n, _ := strconv.Atoi(text(name)); return n }
	f := fields{
		"id": text("id"), "app": app, "host": text("hostname"), "ip": text("ip_addr"),
		"port": number("port"), "portEnabled": text("port_enabled") == "true",
		"securePort": number("secure_port"), "securePortEnabled": text("secure_port_enabled") == "true",
		"status": text("status"), "vip": text("vip_address"), "secureVip": text("secure_vip_address"),
		"homePage": text("homepage_url"), "statusPage": text("statuspage_url"), "healthCheck": text("healthcheck_url"),
		"country": number("country_id"), "dataCenter": text("datacenterinfo_name"), "address": string(t[model.AddressLabel]),
	}
	metadata := map[string]string{}
	for name, value := range t {
		if key, ok := strings.CutPrefix(string(name), instanceLabel+"metadata_"); ok {
			metadata[key] = string(value)
		}
	}
	f["metadata"] = metadata
	return f, nil
}

func (c *promClient) status(string) error { return errors.New("prometheus registers nothing") }

func (c *promClient) stop() error { return nil }
