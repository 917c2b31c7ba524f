package xds

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

// Server hands out snapshots over ADS. Until it has been given one, clients wait. Safe for any number of goroutines; the
// zero Server is not usable: see NewServer. It starts no goroutine that outlives a stream.
type Server struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	log     *slog.Logger
	metrics *metrics

	mu      sync.Mutex
	snap    *Snapshot
	changed chan struct{} // closed and replaced when snap is
}

// NewServer makes a server without a snapshot. logger gets refusals and the coming and going of clients; nil discards
// them. registry gets the metrics, unless it is nil.
func NewServer(logger *slog.Logger, registry prometheus.Registerer) *Server {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Server{log: logger.With("component", "xds"), metrics: newMetrics(registry), changed: make(chan struct{})}
}

// Set hands a snapshot to all clients. Who is slow misses those in between, and gets the latest.
func (s *Server) Set(snap *Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if snap == nil || snap == s.snap {
		return
	}
	s.snap = snap
	close(s.changed)
	s.changed = make(chan struct{})
}

// Ready reports whether there is a snapshot.
func (s *Server) Ready() bool {
	snap, _ := s.current()
	return snap != nil
}

func (s *Server) current() (*Snapshot, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snap, s.changed
}

// Register makes the server a service of r.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(r, s)
}

// StreamAggregatedResources is the protocol as state of the world.
func (s *Server) StreamAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	return converse(s, "state of the world", stream, newWorld())
}

// DeltaAggregatedResources is the protocol as deltas.
func (s *Server) DeltaAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	return converse(s, "delta", stream, newDelta())
}

// request is what requests of both forms have in common.
type request interface {
	GetNode() *corev3.Node
	GetTypeUrl() string
}

// response is what responses of both forms have in common.
type response interface{ GetTypeUrl() string }

// conversation is one of the two forms.
type conversation[Req request, Res response] interface {
	request(r Req) (out []Res, refused *refusal, known bool)
	update(snap *Snapshot) []Res
}

// duplex is the stream of either form.
type duplex[Req request, Res response] interface {
	Context() context.Context
	Recv() (Req, error)
	Send(r Res) error
}

// converse runs a stream until it ends. While a send waits for a client that is slow, snapshots pass by.
func converse[Req request, Res response](s *Server, form string, stream duplex[Req, Res], c conversation[Req, Res]) error {
	s.metrics.streams.WithLabelValues(form).Inc()
	defer s.metrics.streams.WithLabelValues(form).Dec()
	ctx := stream.Context()
	log := s.log.With("form", form)
	requests, ended := receive(stream)
	send := func(all []Res) error {
		for _, r := range all {
			if err := stream.Send(r); err != nil {
				return err
			}
			k, _ := kindOf(r.GetTypeUrl())
			s.metrics.responses.WithLabelValues(kindNames[k]).Inc()
		}
		return nil
	}
	for named := false; ; {
		snap, changed := s.current()
		if err := send(c.update(snap)); err != nil {
			return err
		}
		select {
		case r := <-requests:
			if id := r.GetNode().GetId(); !named && id != "" {
				named = true
				log = log.With("client", id)
				log.DebugContext(ctx, "client connected")
			}
			out, refused, known := c.request(r)
			switch {
			case !known:
				s.metrics.unknown.Inc()
				log.DebugContext(ctx, "client asks for a type that is not served", "type", r.GetTypeUrl())
			case refused != nil:
				s.metrics.refusals.WithLabelValues(kindNames[refused.kind]).Inc()
				log.WarnContext(ctx, "client refuses what it was sent", "type", kindNames[refused.kind], "err", refused.message)
			}
			if err := send(out); err != nil {
				return err
			}
		case <-changed:
		case err := <-ended:
			if errors.Is(err, io.EOF) || ctx.Err() != nil {
				return nil
			}
			return err
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
}

// receive hands on what a client says, until it says no more. It ends with the stream.
func receive[Req request, Res response](stream duplex[Req, Res]) (<-chan Req, <-chan error) {
	requests, ended := make(chan Req), make(chan error, 1) // Room for the one error, so that nobody has to take it.
	go func() {
		for {
			r, err := stream.Recv()
			if err != nil {
				ended <- err
				return
			}
			select {
			case requests <- r:
			case <-stream.Context().Done():
				return
			}
		}
	}()
	return requests, ended
}
