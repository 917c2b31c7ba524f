package gokit

import (
	"context"
	"time"

	"github.com/go-kit/kit/sd"
	"github.com/go-kit/log"

	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/client/contrib/internal/registrar"
)

// patience bounds what Go kit gives no context for.
const patience = 10 * time.Second

// Registrar is an sd.Registrar of one instance. Made by NewRegistrar; the zero Registrar is not usable.
type Registrar struct {
	registered *registrar.Registrar
	inst       client.Instance
	logger     log.Logger
}

var _ sd.Registrar = (*Registrar)(nil)

// NewRegistrar makes a registrar of that instance. What goes wrong is told the logger, since sd.Registrar has no errors.
func NewRegistrar(c *client.Client, inst client.Instance, logger log.Logger) *Registrar {
	return &Registrar{registrar.New(c), inst, log.With(logger, "service", inst.Service, "address", inst.HostPort())}
}

// Register registers the instance until it is deregistered, or the client is closed. If no node answers, it is registered
// when one does.
func (r *Registrar) Register() {
	r.say("register", func(ctx context.Context) error { return r.registered.Register(ctx, r.inst.ID, r.inst) })
}

// Deregister takes the instance out; again is harmless.
func (r *Registrar) Deregister() {
	r.say("deregister", func(ctx context.Context) error { return r.registered.Deregister(ctx, r.inst.Service, r.inst.ID) })
}

func (r *Registrar) say(action string, do func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := do(ctx); err != nil {
		_ = r.logger.Log("action", action, "err", err)
		return
	}
	_ = r.logger.Log("action", action)
}
