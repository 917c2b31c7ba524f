package kitex_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	kclient "github.com/cloudwego/kitex/client"
	"github.com/cloudwego/kitex/client/genericclient"
	"github.com/cloudwego/kitex/pkg/loadbalance"
	"github.com/cloudwego/kitex/pkg/loadbalance/lbcache"
	"github.com/cloudwego/kitex/pkg/registry"
	"github.com/cloudwego/kitex/pkg/rpcinfo"
	kserver "github.com/cloudwego/kitex/server"
	"github.com/cloudwego/kitex/server/genericserver"

	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/client/contrib/kitex"
	"github.com/musterhq/muster/api/clienttest"
)

// serving is what the README says of servers.
func serving(c *client.Client, addr net.Addr) []kserver.Option {
	options := []kserver.Option{
		kserver.WithServerBasicInfo(&rpcinfo.EndpointBasicInfo{ServiceName: "payments"}),
		kserver.WithServiceAddr(addr), // with a host that others can call
		kserver.WithRegistry(kitex.NewRegistry(c)),
		kserver.WithRegistryInfo(&registry.Info{Weight: 100}),
	}
	return options
}

// calling is what the README says of clients.
func calling(c *client.Client) []kclient.Option {
	options := []kclient.Option{
		kclient.WithResolver(kitex.NewResolver(c)),
		kclient.WithLoadBalancer(loadbalance.NewWeightedRandomBalancer(),
			&lbcache.Options{RefreshInterval: 100 * time.Millisecond}), // it asks the cache; 5 s if not given
	}
	return options
}

func TestTheReadmeIsWhatIsRun(t *testing.T) {
	if err := clienttest.Readme("../../../../README.md", "### Kitex", "readme_test.go"); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, connect := clienttest.Pair(t)
	c := connect()
	end := make(chan error, 1)
	s := genericserver.NewServer(is("pay-1"), thrift(t), append(serving(c, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}),
		kserver.WithExitSignal(func() <-chan error { return end }), kserver.WithExitWaitTime(10*time.Millisecond))...)
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(); err != nil && !errors.Is(err, errEnd) {
			t.Error(err)
		}
	})
	defer func() { end <- errEnd; running.Wait() }()
	found, err := clienttest.Found(ctx, c, "payments", 1)
	if err != nil || found[0].Weight != 100 {
		t.Fatalf("%+v, %v", found, err)
	}
	payments, err := genericclient.NewClient("payments", thrift(t), calling(c)...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = payments.Close() }()
	if got, err := payments.GenericCall(ctx, "who", "{}"); err != nil || got != `{"who":"pay-1"}` {
		t.Errorf("%v, %v", got, err)
	}
}
