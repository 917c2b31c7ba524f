package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/musterhq/muster/api/doctor"
	"github.com/musterhq/muster/cmd/muster/certificate"
)

// secured is the TLS side of an agent. Without a keeper it has none.
type secured struct{ keeper *certificate.Keeper }

// checkTLS finds what is missing of the files of TLS, before anything is opened.
func (s settings) checkTLS() error {
	switch {
	case (s.tlsCert == "") != (s.tlsKey == ""):
		return errors.New("--tls-cert and --tls-key belong together: give both, or neither")
	case s.tlsClientCA != "" && s.tlsCert == "":
		return errors.New("--tls-client-ca is who signs the certificates of clients: give --tls-cert and --tls-key too")
	}
	return nil
}

// openTLS reads the files of TLS, if there are any.
func (s settings) openTLS(log *slog.Logger) (secured, error) {
	if s.tlsCert == "" {
		return secured{}, nil
	}
	files := certificate.Files{Certificate: s.tlsCert, Key: s.tlsKey, Authorities: s.tlsClientCA}
	keeper, err := certificate.Open(files, log)
	if err != nil {
		return secured{}, fmt.Errorf("TLS cannot be had: %w", err)
	}
	return secured{keeper}, nil
}

// watch looks at the files now and then, and at SIGHUP, until the function that it returns is called.
func (t secured) watch(ctx context.Context, env environment) (end func()) {
	if t.keeper == nil {
		return func() {}
	}
	hangups, stop := env.signals(syscall.SIGHUP)
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { t.keeper.Run(ctx, hangups) })
	return func() {
		cancel()
		running.Wait()
		stop()
	}
}

// server is what listeners of HTTP are given; nil without TLS.
func (t secured) server() *tls.Config {
	if t.keeper == nil {
		return nil
	}
	return t.keeper.Server()
}

// links is what the links between gateways are given; nil if they are not to be TLS.
func (t secured) links() *tls.Config {
	if t.keeper == nil {
		return nil
	}
	return t.keeper.Links()
}

// scheme is that of the API's addresses.
func (t secured) scheme() string {
	if t.keeper == nil {
		return "http"
	}
	return "https"
}

// client asks other members' APIs.
func (t secured) client() *http.Client {
	tr := &http.Transport{DisableKeepAlives: true} // They are asked now and then, once or twice.
	if t.keeper != nil {
		tr.DialTLSContext = t.keeper.Dial
	}
	return &http.Client{Transport: tr}
}

// certificate is what the doctor is told of it; nil without TLS.
func (t secured) certificate() *doctor.Certificate {
	if t.keeper == nil {
		return nil
	}
	c := &doctor.Certificate{Expires: t.keeper.Expires()}
	if p := t.keeper.Problem(); p != nil {
		c.Problem, c.Since = p.Text, p.Since
	}
	return c
}

// collectors are its metrics; none without TLS.
func (t secured) collectors() []prometheus.Collector {
	if t.keeper == nil {
		return nil
	}
	reloads := func(outcome string, of func() uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name:        "muster_tls_reloads_total",
			Help:        "Certificates read anew from their files, by what came of it.",
			ConstLabels: prometheus.Labels{"outcome": outcome},
		}, func() float64 { return float64(of()) })
	}
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "muster_tls_certificate_expiry_seconds",
			Help: "When the certificate in use expires, in seconds since 1970.",
		}, func() float64 { return float64(t.keeper.Expires().Unix()) }),
		reloads("done", func() uint64 { done, _ := t.keeper.Reloads(); return done }),
		reloads("refused", func() uint64 { _, refused := t.keeper.Reloads(); return refused }),
	}
}
