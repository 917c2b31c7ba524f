package hertz

import (
	"context"
	"fmt"
	"time"

	"github.com/cloudwego/hertz/pkg/app/server/registry"

	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/client/contrib/internal/registrar"
)

// patience bounds what Hertz gives no context for.
const patience = 10 * time.Second

// Registry is a registry.Registry, for server.WithRegistry. Made by NewRegistry; the zero Registry is not usable.
type Registry struct{ registered *registrar.Registrar }

var _ registry.Registry = (*Registry)(nil)

// NewRegistry makes a registry that registers by way of c.
func NewRegistry(c *client.Client) *Registry { return &Registry{registrar.New(c)} }

// Register registers a server until it is deregistered, or the client is closed. The error says that the address is none that
// others can call, or is client.Client's.
func (r *Registry) Register(info *registry.Info) error {
	inst, err := toInstance(info)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return r.registered.Register(ctx, info.Addr.String(), inst)
}

// Deregister takes out what was registered with that name and address; again is harmless.
func (r *Registry) Deregister(info *registry.Info) error {
	if info == nil || info.Addr == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return r.registered.Deregister(ctx, info.ServiceName, info.Addr.String())
}

// toInstance is a server as the registry has it. The error wraps registrar.ErrAddress.
func toInstance(info *registry.Info) (client.Instance, error) {
	if info == nil || info.Addr == nil {
		return client.Instance{}, fmt.Errorf("hertz: %w: it listens nowhere", registrar.ErrAddress)
	}
	address, port, err := registrar.Split(info.Addr.String())
	if err != nil {
		return client.Instance{}, fmt.Errorf("hertz: %w", err)
	}
	return client.Instance{
		Service: info.ServiceName, Address: address, Port: port, Metadata: info.Tags, Weight: info.Weight,
	}, nil
}
