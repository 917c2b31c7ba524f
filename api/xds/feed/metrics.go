package feed

import "github.com/prometheus/client_golang/prometheus"

// metrics are what a feed counts.
type metrics struct {
	services prometheus.Gauge
	synced   prometheus.Gauge
	skipped  *prometheus.GaugeVec
}

// newMetrics makes the metrics and registers them unless there is no registry.
func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		services: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "muster_xds_services", Help: "Services that are served, those without instances included.",
		}),
		synced: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "muster_xds_synced", Help: "1 once the services are known and served, 0 while clients wait.",
		}),
		skipped: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "muster_xds_instances_skipped", Help: "Instances that no assignment has, by reason.",
		}, []string{"reason"}),
	}
	if registry != nil {
		registry.MustRegister(m.services, m.synced, m.skipped)
	}
	return m
}
