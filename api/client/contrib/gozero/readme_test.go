package gozero_test

import (
	"context"
	"testing"

	"github.com/zeromicro/go-zero/core/conf"
	"github.com/zeromicro/go-zero/zrpc"

	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/client/contrib/gozero"
	"github.com/musterhq/muster/api/clienttest"
)

// serving is what the README says of servers.
func serving(ctx context.Context, c *client.Client, config zrpc.RpcServerConf) (*client.Registration, error) {
	reg, err := gozero.Register(ctx, c, config, client.Instance{Service: "payments"}) // where ListenOn says
	return reg, err
}

// calling is what the README says of clients.
func calling(c *client.Client) (zrpc.Client, error) {
	payments, err := zrpc.NewClientWithTarget("muster:///payments", gozero.Discovery(c))
	return payments, err
}

func TestTheReadmeIsWhatIsRun(t *testing.T) {
	if err := clienttest.Readme("../../../../README.md", "### go-zero", "readme_test.go"); err != nil {
		t.Error(err)
	}
	_, connect := clienttest.Pair(t)
	c := connect()
	var config zrpc.RpcServerConf
	if err := conf.FillDefault(&config); err != nil {
		t.Fatal(err)
	}
	config.ListenOn = somewhere(t)
	inside := serve(t, config, is("pay-1"))
	defer inside.Stop()
	reg, err := serving(context.WithoutCancel(t.Context()), c, config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reg.Deregister(context.Background()) }()
	payments, err := calling(c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = payments.Conn().Close() }()
	if who, err := ask(t.Context(), payments); err != nil || who != "pay-1" {
		t.Errorf("%s, %v", who, err)
	}
}
