package gozero

import (
	"cmp"
	"context"
	"fmt"

	"github.com/zeromicro/go-zero/zrpc"
	"google.golang.org/grpc"

	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/client/contrib/internal/registrar"
	"github.com/musterhq/muster/api/client/grpcresolver"
	_ "github.com/musterhq/muster/api/client/grpcresolver/weighted" // For targets with lb=muster_weighted.
)

// Discovery makes a client understand targets such as muster:///payments, which are asked of c.
func Discovery(c *client.Client) zrpc.ClientOption {
	return zrpc.WithDialOption(grpc.WithResolvers(&grpcresolver.Builder{Client: c, ServiceConfig: grpcresolver.None}))
}

// Register registers a server until ctx ends, it is deregistered or the client is closed. What inst does not say is taken
// from the server's config: the service is its name, address and port are where it listens. The error says that others cannot
// call it there, as at 0.0.0.0:8080, and inst says no address; or it is client.Client's.
func Register(ctx context.Context, c *client.Client, conf zrpc.RpcServerConf, inst client.Instance) (*client.Registration, error) {
	inst.Service = cmp.Or(inst.Service, conf.Name)
	if inst.Address == "" || inst.Port == 0 {
		address, port, err := registrar.Split(conf.ListenOn)
		inst.Address, inst.Port = cmp.Or(inst.Address, address), cmp.Or(inst.Port, port)
		if err != nil && (inst.Address == "" || inst.Port == 0) {
			return nil, fmt.Errorf("gozero: ListenOn: %w", err)
		}
	}
	return c.Register(ctx, inst)
}
