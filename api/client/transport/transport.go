package transport

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/client/balance"
)

// ErrNoInstance says that a service has no instance that takes traffic. Nothing has been sent.
var ErrNoInstance = errors.New("transport: no instance takes traffic")

// Source says which instances there are; *client.Client is one.
type Source interface {
	Lookup(service string) client.View
	Resolve(ctx context.Context, service string) (client.View, error)
}

// Config is what a Transport may be told. The zero Config is good.
type Config struct {
	// Suffix ends the host names that are services; "" is ".muster". What comes before it is the service. Requests to other
	// hosts go to Base as they are.
	Suffix string
	// Base sends; nil is http.DefaultTransport.
	Base http.RoundTripper
	// Balance is how instances are chosen, for each service; its Rand is not used.
	Balance balance.Config
	// Port is the name of the port to use, of an instance's Ports; "" is its Port. A port in a URL is used in place of both.
	Port string
	// Tries is how often a request is sent at most; 0 is 3, 1 sends no request again.
	Tries int
}

// Transport is an http.RoundTripper. The zero Transport is not usable: see New.
type Transport struct {
	cfg    Config
	source Source

	mu       sync.Mutex
	services map[string]*service
}

// service is what is known of those behind one name.
type service struct {
	balancer *balance.Balancer

	mu        sync.Mutex
	view      client.View
	instances map[string]*client.Instance
	tokens    float64 // how many requests may be sent again
}

// A request earns retryShare of another try; at most retryBurst are saved up, which is also what there is at first.
const (
	retryShare = 0.2
	retryBurst = 10
)

// New makes a transport of what source finds.
func New(source Source, cfg Config) *Transport {
	if cfg.Suffix == "" {
		cfg.Suffix = ".muster"
	}
	if cfg.Base == nil {
		cfg.Base = http.DefaultTransport
	}
	if cfg.Tries == 0 {
		cfg.Tries = 3
	}
	return &Transport{cfg: cfg, source: source, services: map[string]*service{}}
}

// CloseIdleConnections closes those of the base, if it can.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.cfg.Base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// RoundTrip sends the request to an instance of the service that its host names. The error is ErrNoInstance, that of
// Resolve if nothing is known of the service before the request's context ends, or the base's.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	name, ok := strings.CutSuffix(req.URL.Hostname(), t.cfg.Suffix)
	if !ok || name == "" {
		return t.cfg.Base.RoundTrip(req)
	}
	s, err := t.service(req.Context(), name)
	if err != nil {
		closeBody(req)
		return nil, err
	}
	var tried []string
	for {
		inst, picked := s.pick(tried)
		if inst == nil {
			closeBody(req)
			return nil, fmt.Errorf("%w: service %q", ErrNoInstance, name)
		}
		out, err := t.rewrite(req, inst, len(tried) > 0)
		if err != nil {
			s.balancer.Report(time.Now(), picked, balance.Neutral)
			return nil, err
		}
		res, err := t.cfg.Base.RoundTrip(out)
		if err == nil {
			s.answered(picked, res)
			return res, nil
		}
		if req.Context().Err() != nil {
			s.balancer.Report(time.Now(), picked, balance.Neutral)
			return nil, err
		}
		s.balancer.Report(time.Now(), picked, balance.Failure)
		tried = append(tried, picked)
		if len(tried) == t.cfg.Tries || !again(req, err) || !s.spend() {
			return nil, fmt.Errorf("service %q, instance %s: %w", name, picked, err)
		}
	}
}

// service is the service of that name, up to date with the source.
func (t *Transport) service(ctx context.Context, name string) (*service, error) {
	view := t.source.Lookup(name)
	if !view.Known() {
		var err error
		if view, err = t.source.Resolve(ctx, name); err != nil {
			return nil, err
		}
	}
	t.mu.Lock()
	s := t.services[name]
	if s == nil {
		cfg := t.cfg.Balance
		cfg.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())) //nolint:gosec // It spreads load and keeps no secret.
		s = &service{balancer: balance.New(cfg), tokens: retryBurst}
		t.services[name] = s
	}
	t.mu.Unlock()
	s.update(view)
	return s, nil
}

// update gives the balancer a view that is another.
func (s *service) update(view client.View) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = min(s.tokens+retryShare, retryBurst)
	if s.view == view || view.Version() < s.view.Version() {
		return // the latter is of somebody who looked up before and came later
	}
	all := view.Instances()
	targets := make([]balance.Target, len(all))
	s.view, s.instances = view, make(map[string]*client.Instance, len(all))
	for n, i := range all {
		targets[n] = balance.Target{ID: i.ID, Zone: i.Zone, Weight: i.Weight, Healthy: i.Healthy()}
		s.instances[i.ID] = i
	}
	s.balancer.Update(targets)
}

// pick is an instance that has not been tried, nil if there is none that takes traffic.
func (s *service) pick(tried []string) (*client.Instance, string) {
	target, ok := s.balancer.PickBut(time.Now(), tried...)
	if !ok {
		return nil, ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.instances[target.ID], target.ID
}

// spend takes a token for another try.
func (s *service) spend() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens < 1 {
		return false
	}
	s.tokens--
	return true
}

// rewrite is the request as it goes to the instance. The Host header stays that of the service.
func (t *Transport) rewrite(req *http.Request, inst *client.Instance, again bool) (*http.Request, error) {
	out := req.Clone(req.Context())
	if out.Host == "" {
		out.Host = req.URL.Host
	}
	to := *inst
	if port := to.Ports[t.cfg.Port]; port != 0 {
		to.Port = port
	}
	out.URL.Host = to.HostPort()
	if port := req.URL.Port(); port != "" {
		out.URL.Host = net.JoinHostPort(to.Address, port)
	}
	if to.Secure && out.URL.Scheme == "http" {
		out.URL.Scheme = "https"
	}
	if again && req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, fmt.Errorf("transport: the body once more: %w", err)
		}
		out.Body = body
	}
	return out, nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close() // as every RoundTripper must
	}
}
