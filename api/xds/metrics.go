package xds

import "github.com/prometheus/client_golang/prometheus"

// metrics are what a server counts.
type metrics struct {
	streams   *prometheus.GaugeVec
	responses *prometheus.CounterVec
	refusals  *prometheus.CounterVec
	unknown   prometheus.Counter
}

// newMetrics makes the metrics, with a series for each label, and registers them unless there is no registry.
func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		streams: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "muster_xds_streams", Help: "Clients that are connected, by the form of the protocol.",
		}, []string{"form"}),
		responses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_xds_responses_total", Help: "Messages that were sent to clients, by type of resource.",
		}, []string{"type"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_xds_refusals_total", Help: "Messages that clients refused (NACK), by type of resource. Must stay 0.",
		}, []string{"type"}),
		unknown: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "muster_xds_unknown_requests_total", Help: "Requests for types of resources that are not served.",
		}),
	}
	for _, name := range kindNames {
		m.responses.WithLabelValues(name)
		m.refusals.WithLabelValues(name)
	}
	if registry != nil {
		registry.MustRegister(m.streams, m.responses, m.refusals, m.unknown)
	}
	return m
}
