package grpcresolver_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/test/bufconn"

	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/client/grpcresolver"
	"github.com/musterhq/muster/api/clienttest"
)

// memberlist does not wait for a probe that is under way, which ends by itself.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/hashicorp/memberlist.(*Memberlist).probe"))
}

// nodes starts a cluster and a client of it; both end with the test.
func nodes(t *testing.T, n int) (*clienttest.Cluster, *client.Client) {
	t.Helper()
	cluster, err := clienttest.Start(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = c.Close(ctx) // With all nodes gone, what was registered cannot be taken out.
		if err := cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	return cluster, c
}

// backends is real gRPC servers in memory, at whatever addresses are dialled.
type backends struct {
	mu      sync.Mutex
	servers map[string]*backend // by address; the one at "" has all other addresses
	open    map[string]int      // connections, by address
	dials   int
	changed chan struct{} // closed and replaced when open changes
}

type backend struct {
	grpc_testing.UnimplementedTestServiceServer
	listener *bufconn.Listener
	health   *health.Server
}

func (*backend) EmptyCall(context.Context, *grpc_testing.Empty) (*grpc_testing.Empty, error) {
	return &grpc_testing.Empty{}, nil
}

// serve starts a server for each address, "" for all others.
func serve(t *testing.T, addresses ...string) *backends {
	t.Helper()
	b := &backends{servers: map[string]*backend{}, open: map[string]int{}, changed: make(chan struct{})}
	for _, at := range addresses {
		s := &backend{listener: bufconn.Listen(64 << 10), health: health.NewServer()}
		b.servers[at] = s
		server := grpc.NewServer()
		grpc_testing.RegisterTestServiceServer(server, s)
		grpc_health_v1.RegisterHealthServer(server, s.health)
		var running sync.WaitGroup
		running.Go(func() {
			if err := server.Serve(s.listener); err != nil {
				t.Error(err)
			}
		})
		t.Cleanup(func() { server.Stop(); running.Wait() })
	}
	return b
}

// conn is a connection whose other end is called what was dialled.
type conn struct {
	net.Conn
	at     string
	closed func()
}

func (c *conn) RemoteAddr() net.Addr { return named(c.at) }

func (c *conn) Close() error {
	c.closed()
	return c.Conn.Close()
}

type named string

func (named) Network() string  { return "memory" }
func (n named) String() string { return string(n) }

var errNobody = errors.New("connection refused")

func (b *backends) dial(ctx context.Context, at string) (net.Conn, error) {
	s := b.servers[at]
	if s == nil {
		s = b.servers[""]
	}
	if s == nil {
		return nil, errNobody
	}
	c, err := s.listener.DialContext(ctx)
	if err != nil {
		return nil, err
	}
	b.count(at, 1)
	return &conn{c, at, sync.OnceFunc(func() { b.count(at, -1) })}, nil
}

func (b *backends) count(at string, more int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open[at] += more; b.open[at] == 0 {
		delete(b.open, at)
	}
	b.dials += max(more, 0)
	close(b.changed)
	b.changed = make(chan struct{})
}

// until waits until the open connections are as wanted; dials is how many there have ever been.
func (b *backends) until(t *testing.T, what string, wanted func(open map[string]int) bool) (dials int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		b.mu.Lock()
		ok, open, dials, changed := wanted(b.open), len(b.open), b.dials, b.changed
		b.mu.Unlock()
		if ok {
			return dials
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%s: that did not happen; %d connections are open", what, open)
		}
	}
}

// channel opens a channel to a target.
func (b *backends) channel(t *testing.T, c *client.Client, target string) *grpc.ClientConn {
	t.Helper()
	cc, err := grpc.NewClient(target, grpc.WithResolvers(grpcresolver.NewBuilder(c)), grpc.WithContextDialer(b.dial),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close() })
	return cc
}

// call makes a call and returns which backend answered.
func call(t *testing.T, cc *grpc.ClientConn, opts ...grpc.CallOption) (at string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var p peer.Peer
	_, err = grpc_testing.NewTestServiceClient(cc).EmptyCall(ctx, &grpc_testing.Empty{}, append(opts, grpc.Peer(&p))...)
	if err != nil {
		return "", err
	}
	return p.Addr.String(), nil
}

// answering makes calls until those who answer are the wanted, in a row of calls as long as four rounds.
func answering(t *testing.T, cc *grpc.ClientConn, want ...string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for got := map[string]bool{}; ; clear(got) {
		for range 4 * len(want) {
			at, err := call(t, cc, grpc.WaitForReady(true))
			if err != nil {
				t.Fatal(err)
			}
			got[at] = true
		}
		if fmt.Sprint(got) == fmt.Sprint(set(want)) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v answer, want %v", got, want)
		}
	}
}

func set(all []string) map[string]bool {
	s := map[string]bool{}
	for _, one := range all {
		s[one] = true
	}
	return s
}
