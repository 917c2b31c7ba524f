package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/xds"

	"github.com/musterhq/muster"
)

// bootstrap is the README's, for a muster-xds that listens elsewhere.
func bootstrap(t *testing.T, ads string) string {
	t.Helper()
	return strings.ReplaceAll(snippet(t, "grpc bootstrap"), "127.0.0.1:18000", ads)
}

// snippet is the code between two marks of the README.
func snippet(t *testing.T, mark string) string {
	t.Helper()
	b, err := os.ReadFile("../../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "<!-- "+mark+" -->\n```")
	_, rest, _ = strings.Cut(rest, "\n")
	code, _, found := strings.Cut(rest, "```\n<!-- /"+mark+" -->")
	if !found {
		t.Fatalf("the README has no %s", mark)
	}
	return code
}

// serveGRPC is a backend; it returns its address.
func serveGRPC(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	healthv1.RegisterHealthServer(s, health.NewServer())
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return l.Addr().String()
}

// dial makes a channel that finds a service by xDS.
func dial(t *testing.T, ads, service string) (conn *grpc.ClientConn, h *hits, call func()) {
	t.Helper()
	builder, err := xds.NewXDSResolverWithConfigForTesting([]byte(bootstrap(t, ads)))
	if err != nil {
		t.Fatal(err)
	}
	conn, err = grpc.NewClient("xds:///"+service, grpc.WithResolvers(builder), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	h = &hits{}
	return conn, h, func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		who, err := callOnce(ctx, conn)
		if err != nil {
			h.fail(err)
			return
		}
		h.add(who)
	}
}

// callOnce says who answered.
func callOnce(ctx context.Context, conn *grpc.ClientConn) (string, error) {
	var p peer.Peer
	if _, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{}, grpc.WaitForReady(true), grpc.Peer(&p)); err != nil {
		return "", err
	}
	return p.Addr.String(), nil
}

func noFailure(t *testing.T, h *hits) {
	t.Helper()
	if n := h.failed.Load(); n > 0 {
		t.Errorf("%d calls failed, the last one: %v", n, h.why.Load())
	}
}

// gRPC-Go's own resolver and balancers, against real nodes.
func TestGRPCFollowsAServiceWithoutAFailedCall(t *testing.T) {
	a, b, servers := startPair(t)
	one, two, three := serveGRPC(t), serveGRPC(t), serveGRPC(t)
	put(t, a, backend("payments", "one", one))
	keyTwo := put(t, b, backend("payments", "two", two))
	keyThree := put(t, a, backend("payments", "three", three))
	x := startCommand(t, "127.0.0.1:0", servers...)
	_, h, call := dial(t, x.ads, "payments")
	h.reaches(t, call, one, two, three)

	if err := a.Remove(t.Context(), keyTwo); err != nil {
		t.Fatal(err)
	}
	h.reaches(t, call, one, three)
	if _, err := b.SetOverride(t.Context(), keyThree, muster.StatusOutOfService, "a new disk"); err != nil {
		t.Fatal(err)
	}
	h.reaches(t, call, one)
	put(t, b, backend("payments", "two", two))
	h.reaches(t, call, one, two)
	if _, err := a.SetOverride(t.Context(), keyThree, muster.StatusNone, ""); err != nil {
		t.Fatal(err)
	}
	h.reaches(t, call, one, two, three)
	noFailure(t, h)
	x.noRefusal(t)
}

// A call to a service that nobody has registered yet is answered when somebody does.
func TestGRPCFindsAServiceThatRegistersLater(t *testing.T) {
	a, _, servers := startPair(t)
	x := startCommand(t, "127.0.0.1:0", servers...)
	x.ready(t)
	_, h, call := dial(t, x.ads, "later")
	early := make(chan struct{})
	go func() {
		defer close(early)
		call()
	}()
	eventually(t, "gRPC asks, and is told that there is none", func() bool {
		_, metrics := x.page(t, "/metrics")
		return strings.Contains(metrics, `muster_xds_responses_total{type="listener"} 1`)
	})
	one := serveGRPC(t)
	put(t, a, backend("later", "one", one))
	<-early
	if got := h.take(); got[one] != 1 {
		t.Errorf("the early call reached %v", got)
	}
	h.reaches(t, call, one)
	noFailure(t, h)
	x.noRefusal(t)
}

// Until muster-xds knows the services, a call waits; it does not fail, and is not told that there is nothing.
func TestGRPCWaitsForTheFirstSync(t *testing.T) {
	a, _, servers := startPair(t)
	one := serveGRPC(t)
	put(t, a, backend("payments", "one", one))
	gate := newGate(t, servers[0])
	x := startCommand(t, "127.0.0.1:0", gate.URL)
	conn, h, call := dial(t, x.ads, "payments")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	// Without waiting for a connection, a call to what is known not to be there fails at once.
	if _, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{}); err == nil || ctx.Err() == nil {
		t.Errorf("before the sync a call ends, with %v", err)
	}
	if code, _ := x.page(t, "/readyz"); code != 503 {
		t.Errorf("before the sync /readyz says %d", code)
	}
	if code, _ := x.page(t, "/healthz"); code != 200 {
		t.Errorf("before the sync /healthz says %d", code)
	}
	gate.open()
	h.reaches(t, call, one)
	noFailure(t, h)
	x.noRefusal(t)
}

// muster-xds goes away and comes back, at the same address, with another state of the registry.
func TestGRPCOutlivesARestart(t *testing.T) {
	a, b, servers := startPair(t)
	one, two, three := serveGRPC(t), serveGRPC(t), serveGRPC(t)
	put(t, a, backend("payments", "one", one))
	keyTwo := put(t, b, backend("payments", "two", two))
	x := startCommand(t, "127.0.0.1:0", servers...)
	_, h, call := dial(t, x.ads, "payments")
	h.reaches(t, call, one, two)

	x.stop()
	h.reaches(t, call, one, two)
	put(t, a, backend("payments", "three", three))
	if err := a.Remove(t.Context(), keyTwo); err != nil {
		t.Fatal(err)
	}
	y := startCommand(t, x.ads, servers...)
	h.reaches(t, call, one, three)
	noFailure(t, h)
	y.noRefusal(t)
}

// The node that muster-xds asks dies, and then all do. What was known is served.
func TestGRPCOutlivesTheNodes(t *testing.T) {
	a, one := startNode(t, muster.Config{Node: "a"})
	b, two := startNode(t, muster.Config{Node: "b", Join: []string{a.Addr()}})
	eventually(t, "both nodes are ready", func() bool { ready, _ := b.Ready(); return ready })
	first, second := serveGRPC(t), serveGRPC(t)
	put(t, a, backend("payments", "first", first))
	x := startCommand(t, "127.0.0.1:0", one.URL, two.URL)
	_, h, call := dial(t, x.ads, "payments")
	h.reaches(t, call, first)
	one.CloseClientConnections()
	_ = one.Listener.Close()
	put(t, b, backend("payments", "second", second))
	h.reaches(t, call, first, second)
	put(t, b, backend("other", "first", first))
	_, other, callOther := dial(t, x.ads, "other")
	other.reaches(t, callOther, first)
	two.CloseClientConnections()
	_ = two.Listener.Close()
	h.reaches(t, call, first, second)
	_, late, callLate := dial(t, x.ads, "payments")
	late.reaches(t, callLate, first, second)
	noFailure(t, h)
	x.noRefusal(t)
}

// Another data centre takes over when the local one has nothing healthy, whether nobody is there or all are taken out.
func TestGRPCGoesToTheOtherDataCentreAndBack(t *testing.T) {
	a, server := startNode(t, muster.Config{Node: "a", Datacenter: "dc1", WANBind: "127.0.0.1:0"})
	b, _ := startNode(t, muster.Config{Node: "b", Datacenter: "dc2", WANBind: "127.0.0.1:0", WANJoin: []string{a.WANAddr()}})
	eventually(t, "dc2 is ready", func() bool { ready, _ := b.Ready(); return ready })
	near, far := serveGRPC(t), serveGRPC(t)
	key := put(t, a, backend("payments", "near", near))
	put(t, b, backend("payments", "far", far))
	eventually(t, "dc1 knows the instance of dc2", func() bool { return a.Lookup("payments").Len() == 2 })
	x := startCommand(t, "127.0.0.1:0", server.URL)
	_, h, call := dial(t, x.ads, "payments")
	h.reaches(t, call, near)
	if _, err := a.SetOverride(t.Context(), key, muster.StatusOutOfService, ""); err != nil {
		t.Fatal(err)
	}
	h.reaches(t, call, far)
	if _, err := a.SetOverride(t.Context(), key, muster.StatusNone, ""); err != nil {
		t.Fatal(err)
	}
	h.reaches(t, call, near)
	if err := a.Remove(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	h.reaches(t, call, far)
	noFailure(t, h)
	x.noRefusal(t)
}

// envChild makes the test's binary a program that calls a service once and says who answered.
const envChild = "MUSTER_XDS_CALL"

func child(service string) int {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := grpc.NewClient("xds:///"+service, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() { _ = conn.Close() }()
	who, err := callOnce(ctx, conn)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(who)
	return 0
}

// As the README says: the bootstrap in the environment, and nothing but an import in the program.
func TestAGRPCProgramNeedsTheBootstrapAlone(t *testing.T) {
	a, _, servers := startPair(t)
	one := serveGRPC(t)
	put(t, a, backend("payments", "one", one))
	x := startCommand(t, "127.0.0.1:0", servers...)
	program := exec.CommandContext(t.Context(), os.Args[0])
	program.Env = append(os.Environ(), envChild+"=payments", "GRPC_XDS_BOOTSTRAP_CONFIG="+bootstrap(t, x.ads))
	out, err := program.CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != one {
		t.Errorf("the program says %q (%v), and should say %q", got, err, one)
	}
}
