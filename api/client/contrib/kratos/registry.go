package kratos

import (
	"context"

	"github.com/go-kratos/kratos/v2/registry"

	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/client/contrib/internal/registrar"
)

// Registry is a registry.Registrar and a registry.Discovery. Made by New; the zero Registry is not usable.
type Registry struct {
	c          *client.Client
	registered *registrar.Registrar
}

var (
	_ registry.Registrar = (*Registry)(nil)
	_ registry.Discovery = (*Registry)(nil)
)

// New makes a registry of what c reaches.
func New(c *client.Client) *Registry { return &Registry{c: c, registered: registrar.New(c)} }

// Register registers a service until it is deregistered, or the client is closed. ctx bounds the first try alone. The error
// says that an endpoint is no URL that others can call, or is client.Client's.
func (r *Registry) Register(ctx context.Context, service *registry.ServiceInstance) error {
	inst, err := toInstance(service)
	if err != nil {
		return err
	}
	return r.registered.Register(ctx, service.ID, inst)
}

// Deregister takes out what was registered under the name and id of the service; again is harmless.
func (r *Registry) Deregister(ctx context.Context, service *registry.ServiceInstance) error {
	return r.registered.Deregister(ctx, service.Name, service.ID)
}

// GetService is the instances that take traffic, by id. It waits until something is known of the service; then it asks the
// cache. The error is client.Client's, and never because nobody is there.
func (r *Registry) GetService(ctx context.Context, name string) ([]*registry.ServiceInstance, error) {
	v, err := r.c.Resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	return toServices(v.Healthy()), nil
}

// Watch watches the instances that take traffic, until ctx ends or the watcher is stopped.
func (r *Registry) Watch(ctx context.Context, name string) (registry.Watcher, error) {
	return newWatcher(ctx, r.c, name), nil
}
