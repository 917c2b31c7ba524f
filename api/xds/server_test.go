package xds

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a server and returns a client of it.
func serve(t *testing.T, s *Server) discoveryv3.AggregatedDiscoveryServiceClient {
	t.Helper()
	l := bufconn.Listen(1 << 20)
	g := grpc.NewServer()
	s.Register(g)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = g.Serve(l)
	}()
	conn, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		g.Stop()
		<-done
	})
	return discoveryv3.NewAggregatedDiscoveryServiceClient(conn)
}

// snapshotOf is a snapshot of services with one instance each.
func snapshotOf(services ...string) *Snapshot {
	c := NewCatalog("dc1", time.Minute)
	for _, s := range services {
		c.Put(s, up("dc1", 1), start)
	}
	return c.Snapshot()
}

func TestStreamsWaitForTheFirstSnapshotAndFollowTheNext(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := NewServer(nil, registry)
	client := serve(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	world, err := client.StreamAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	delta, err := client.DeltaAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	url := typeURLs[clusters]
	if err := world.Send(&discoveryv3.DiscoveryRequest{TypeUrl: url, Node: &corev3.Node{Id: "w"}}); err != nil {
		t.Fatal(err)
	}
	if err := delta.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: url}); err != nil {
		t.Fatal(err)
	}
	if s.Ready() {
		t.Error("ready without a snapshot")
	}
	expect := func(inWorld, inDelta string) {
		t.Helper()
		w, err := world.Recv()
		if err != nil {
			t.Fatal(err)
		}
		d, err := delta.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if got := said([]*discoveryv3.DiscoveryResponse{w}); got != inWorld {
			t.Errorf("state of the world %q, want %q", got, inWorld)
		}
		if got := said([]*discoveryv3.DeltaDiscoveryResponse{d}); got != inDelta {
			t.Errorf("delta %q, want %q", got, inDelta)
		}
	}
	s.Set(snapshotOf("a"))
	expect("cluster a", "cluster a")
	if !s.Ready() {
		t.Error("not ready with a snapshot")
	}
	second := snapshotOf("a", "b")
	second.generations[clusters]++ // Of another catalog, which counts anew.
	s.Set(second)
	expect("cluster a b", "cluster b")
	for _, form := range []string{"state of the world", "delta"} {
		if n := testutil.ToFloat64(s.metrics.streams.WithLabelValues(form)); n != 1 {
			t.Errorf("%v streams of %s", n, form)
		}
	}
	cancel()
	for {
		if _, err := world.Recv(); err != nil {
			break
		}
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v %v", problems, err)
	}
}

// said by a client, and only said: nothing else happens, and the next change is sent.
func TestRefusalsAreLoggedAndCounted(t *testing.T) {
	var log lines
	s := NewServer(slog.New(slog.NewTextHandler(&log, nil)), nil)
	s.Set(snapshotOf("a"))
	stream, err := serve(t, s).StreamAggregatedResources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	send := func(r *discoveryv3.DiscoveryRequest) {
		t.Helper()
		if err := stream.Send(r); err != nil {
			t.Fatal(err)
		}
	}
	send(&discoveryv3.DiscoveryRequest{TypeUrl: typeURLs[clusters], Node: &corev3.Node{Id: "edge-1"}})
	r, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	send(&discoveryv3.DiscoveryRequest{
		TypeUrl: typeURLs[clusters], ResponseNonce: r.GetNonce(), ErrorDetail: &statuspb.Status{Message: "too blue"},
	})
	send(&discoveryv3.DiscoveryRequest{TypeUrl: "type.googleapis.com/unheard.of"})
	send(&discoveryv3.DiscoveryRequest{TypeUrl: typeURLs[endpoints], ResourceNames: []string{"a"}})
	if r, err = stream.Recv(); err != nil || r.GetTypeUrl() != typeURLs[endpoints] {
		t.Fatalf("after the refusal comes %v, %v", r, err)
	}
	if n := testutil.ToFloat64(s.metrics.refusals.WithLabelValues("cluster")); n != 1 {
		t.Errorf("%v refusals are counted", n)
	}
	if n := testutil.ToFloat64(s.metrics.unknown); n != 1 {
		t.Errorf("%v unknown types are counted", n)
	}
	if got := log.String(); !strings.Contains(got, "too blue") || !strings.Contains(got, "edge-1") {
		t.Errorf("logged %q", got)
	}
}

// lines keeps what is logged.
type lines struct {
	mu  sync.Mutex
	all strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}
