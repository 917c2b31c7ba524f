package dns

import (
	"sync/atomic"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
)

// transports are the values of a label: what is "limited" came over UDP, and was told to come by TCP.
var transports = [...]string{UDP: "udp", TCP: "tcp", LimitedUDP: "limited"}

// codes is how many response codes a header can hold.
const codes = 16

// counts are the answers that have been given, by transport and code.
type counts [len(transports)][codes]atomic.Uint64

func (c *counts) add(by Transport, answer []byte) {
	c[by][answer[3]%codes].Add(1)
}

var (
	descAnswers = prometheus.NewDesc("muster_dns_answers_total",
		"Questions answered over DNS, by transport and code. Limited is UDP of clients that had their share.", []string{"transport", "code"}, nil)
	descConns = prometheus.NewDesc("muster_dns_connections", "TCP connections of clients of DNS.", nil, nil)
)

var _ prometheus.Collector = (*Server)(nil)

// Describe names the metrics.
func (s *Server) Describe(out chan<- *prometheus.Desc) {
	out <- descAnswers
	out <- descConns
}

// Collect reads them. Codes that have never been given are left out.
func (s *Server) Collect(out chan<- prometheus.Metric) {
	for by := range s.answered {
		for code := range s.answered[by] {
			if n := s.answered[by][code].Load(); n > 0 {
				out <- prometheus.MustNewConstMetric(descAnswers, prometheus.CounterValue, float64(n), transports[by], dns.RcodeToString[code])
			}
		}
	}
	out <- prometheus.MustNewConstMetric(descConns, prometheus.GaugeValue, float64(s.conns.len()))
}
