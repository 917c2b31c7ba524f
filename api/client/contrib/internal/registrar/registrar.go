package registrar

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/musterhq/muster/api/client"
)

// ErrAddress says that others cannot call a server where it listens: it has to be told what to say.
var ErrAddress = errors.New("not an address that others can call")

// Registrar keeps registrations. Made by New.
type Registrar struct {
	c    *client.Client
	turn chan struct{} // whoever holds what is in it may touch kept, and registers or deregisters
	kept map[key]*client.Registration
}

type key struct{ service, id string }

// New makes a registrar that registers by way of c.
func New(c *client.Client) *Registrar {
	return &Registrar{c: c, turn: make(chan struct{}, 1), kept: map[key]*client.Registration{}}
}

// Register registers an instance until it is deregistered, or the client is closed; id is what Deregister will name it by.
// The error is client.Register's.
func (r *Registrar) Register(ctx context.Context, id string, inst client.Instance) error {
	if err := r.hold(ctx); err != nil {
		return err
	}
	defer r.release()
	k := key{inst.Service, id}
	if old := r.take(k); old != nil {
		if err := old.Deregister(ctx); err != nil && ctx.Err() != nil {
			return err
		}
	}
	reg, err := r.c.Register(context.WithoutCancel(ctx), inst)
	if err != nil {
		return err
	}
	r.kept[k] = reg
	return nil
}

// Deregister takes an instance out. One that is not there is out already. The error is client.Registration's.
func (r *Registrar) Deregister(ctx context.Context, service, id string) error {
	if err := r.hold(ctx); err != nil {
		return err
	}
	defer r.release()
	if reg := r.take(key{service, id}); reg != nil {
		return reg.Deregister(ctx)
	}
	return nil
}

func (r *Registrar) hold(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Registrar) release() { <-r.turn }

func (r *Registrar) take(k key) *client.Registration {
	reg := r.kept[k]
	delete(r.kept, k)
	return reg
}

// Split is the address and the port of a host:port, for those who have to be found there. The error is ErrAddress: the port
// is none, or the host is empty or stands for all of the machine's.
func Split(hostport string) (address string, port int, err error) {
	address, text, err := net.SplitHostPort(hostport)
	if err != nil {
		return "", 0, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	if port, err = strconv.Atoi(text); err != nil || port < 1 || port > 65535 {
		return "", 0, fmt.Errorf("%w: %q has no port", ErrAddress, hostport)
	}
	if ip := net.ParseIP(address); address == "" || ip != nil && ip.IsUnspecified() {
		return "", port, fmt.Errorf("%w: %q is all addresses of the machine", ErrAddress, hostport)
	}
	return address, port, nil
}
