package hertz_test

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	hclient "github.com/cloudwego/hertz/pkg/app/client"
	"github.com/cloudwego/hertz/pkg/app/client/loadbalance"
	"github.com/cloudwego/hertz/pkg/app/middlewares/client/sd"
	hserver "github.com/cloudwego/hertz/pkg/app/server"
	"github.com/cloudwego/hertz/pkg/app/server/registry"
	"github.com/cloudwego/hertz/pkg/common/config"

	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/client/contrib/hertz"
	"github.com/musterhq/muster/api/clienttest"
)

// serving is what the README says of servers.
func serving(c *client.Client, listener net.Listener) *hserver.Hertz {
	h := hserver.New(hserver.WithListener(listener),
		hserver.WithRegistry(hertz.NewRegistry(c), &registry.Info{
			ServiceName: "payments", Addr: listener.Addr(), Weight: 100,
		}))
	return h
}

// calling is what the README says of clients.
func calling(ctx context.Context, c *client.Client, cli *hclient.Client) (int, []byte, error) {
	cli.Use(sd.Discovery(hertz.NewResolver(c), sd.WithLoadBalanceOptions(loadbalance.NewWeightedBalancer(),
		loadbalance.Options{RefreshInterval: 100 * time.Millisecond}))) // it asks the cache; 5 s if not given
	status, body, err := cli.Get(ctx, nil, "http://payments/who", config.WithSD(true))
	return status, body, err
}

func TestTheReadmeIsWhatIsRun(t *testing.T) {
	if err := clienttest.Readme("../../../../README.md", "### Hertz", "readme_test.go"); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, connect := clienttest.Pair(t)
	c := connect()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := serving(c, listener)
	h.GET("/who", func(_ context.Context, request *app.RequestContext) { request.String(http.StatusOK, "pay-1") })
	end := make(chan struct{})
	h.SetCustomSignalWaiter(func(failed chan error) error {
		select {
		case err := <-failed:
			return err
		case <-end:
			return nil
		}
	})
	var running sync.WaitGroup
	running.Go(h.Spin)
	defer func() { close(end); running.Wait() }()
	if _, err := clienttest.Found(ctx, c, "payments", 1); err != nil {
		t.Fatal(err)
	}
	cli, err := hclient.NewClient()
	if err != nil {
		t.Fatal(err)
	}
	defer cli.CloseIdleConnections()
	if status, body, err := calling(ctx, c, cli); err != nil || status != http.StatusOK || string(body) != "pay-1" {
		t.Errorf("%d, %s, %v", status, body, err)
	}
}
