package api

import (
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/musterhq/muster/api/native"
)

// metrics is a handler's own registry: what the node is like at each scrape, and the requests that have been answered.
type metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
}

func newMetrics(node Node, waiting func() native.Waiting) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_http_requests_total",
			Help: "Requests answered, by route, method and status code.",
		}, []string{"route", "method", "code"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "muster_http_request_duration_seconds",
			Help:    "Time to answer a request, by route. Requests that wait for a change are left out.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .05, .25, 1, 5},
		}, []string{"route"}),
	}
	m.registry.MustRegister(m.requests, m.durations, &nodeCollector{node, waiting},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// handler answers scrapes.
func (m *metrics) handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		Registry: m.registry,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelError),
		// What can be measured is, and what went wrong is for the log: a scraper has no use for a stack.
		ErrorHandling: promhttp.ContinueOnError,
	})
}

// usualCodes are those whose counters a route remembers, since finding one costs more than counting.
var usualCodes = [...]int{
	http.StatusOK, http.StatusNoContent, http.StatusCreated, http.StatusNotModified, http.StatusNotFound,
}

// route is what to call after each request of a route.
func (m *metrics) route(method, pattern string) func(*meter) {
	duration := m.durations.WithLabelValues(pattern)
	var usual [len(usualCodes)]atomic.Pointer[prometheus.Counter]
	return func(mt *meter) {
		code := mt.code
		if code == 0 { // net/http answers 200 for a handler that says nothing
			code = http.StatusOK
		}
		i := slices.Index(usualCodes[:], code)
		if i < 0 {
			m.requests.WithLabelValues(pattern, method, strconv.Itoa(code)).Inc()
		} else if count := usual[i].Load(); count != nil {
			(*count).Inc()
		} else {
			c := m.requests.WithLabelValues(pattern, method, strconv.Itoa(code))
			usual[i].Store(&c)
			c.Inc()
		}
		if !mt.waiting {
			duration.Observe(time.Since(mt.began).Seconds())
		}
	}
}
