package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/consul"
	"github.com/prometheus/prometheus/discovery/http"
	"github.com/prometheus/prometheus/discovery/targetgroup"
)

// refresh is how often Prometheus looks, at most.
const refresh = model.Duration(time.Second)

// newConsulSD follows all services of the catalog, and lists what is passing: consul_sd itself lists all.
func newConsulSD(s settings, seen *history) (client, error) {
	conf := consul.DefaultSDConfig
	conf.Server, conf.RefreshInterval = s.registry, refresh
	return reader{}, discover(&conf, s, seen, func(t model.LabelSet) (service string, ok bool) {
		return string(t["__meta_consul_service"]), t["__meta_consul_health"] == "passing"
	})
}

func newHTTPSD(s settings, seen *history) (client, error) {
	conf := http.SDConfig{
		HTTPClientConfig: config.DefaultHTTPClientConfig, RefreshInterval: refresh,
		URL: "http://" + s.registry + "/sd/prometheus?healthy=true",
	}
	return reader{}, discover(&conf, s, seen, func(t model.LabelSet) (service string, ok bool) {
		return string(t["__meta_muster_service"]), true
	})
}

// discover runs a discovery of Prometheus and keeps what it finds as Prometheus does: group by group.
func discover(conf discovery.Config, s settings, seen *history, read func(model.LabelSet) (string, bool)) error {
	metrics := prometheus.NewRegistry()
	refreshes := discovery.NewRefreshMetrics(metrics)
	if err := refreshes.Register(); err != nil {
		return err
	}
	d, err := conf.NewDiscoverer(discovery.DiscovererOptions{
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), Metrics: conf.NewDiscovererMetrics(metrics, refreshes),
		SetName: conf.Name(),
	})
	if err != nil {
		return err
	}
	updates := make(chan []*targetgroup.Group)
	go d.Run(context.Background(), updates)
	go func() {
		groups := map[string]*targetgroup.Group{}
		for update := range updates {
			for _, g := range update {
				if g != nil {
					groups[g.Source] = g
				}
			}
			found := map[string][]string{}
			for _, name := range s.watch {
				found[name] = []string{}
			}
			for _, g := range groups {
				for _, t := range g.Targets {
					if name, ok := read(t.Merge(g.Labels)); ok {
						found[name] = append(found[name], string(t[model.AddressLabel]))
					}
				}
			}
			for name, addresses := range found {
				seen.saw(name, addresses)
			}
		}
	}()
	return nil
}
