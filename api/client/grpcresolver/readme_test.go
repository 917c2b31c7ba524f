package grpcresolver_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop/grpc_testing"

	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/client/grpcresolver"
	"github.com/musterhq/muster/api/clienttest"
)

// dial is what the README says.
func dial(c *client.Client) (*grpc.ClientConn, error) {
	return grpc.NewClient("muster:///payments?zone=a",
		grpc.WithResolvers(grpcresolver.NewBuilder(c)), grpc.WithTransportCredentials(insecure.NewCredentials()))
}

func TestTheReadmeIsWhatIsRun(t *testing.T) {
	if err := clienttest.Readme("../../../README.md", "## gRPC", "readme_test.go"); err != nil {
		t.Error(err)
	}
	_, c := nodes(t, 2)
	at := serveTCP(t)
	register(t, c, client.Instance{Service: "payments", Address: at.IP.String(), Port: at.Port, Zone: "a"})
	conn, err := dial(c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if who, err := call(t, conn, grpc.WaitForReady(true)); err != nil || who != at.String() {
		t.Errorf("%s answers, %v; want %s", who, err, at)
	}
}

// serveTCP starts a gRPC server on a port.
func serveTCP(t *testing.T) *net.TCPAddr {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	grpc_testing.RegisterTestServiceServer(server, &backend{})
	var running sync.WaitGroup
	running.Go(func() {
		if err := server.Serve(listener); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { server.Stop(); running.Wait() })
	at, _ := listener.Addr().(*net.TCPAddr)
	return at
}
