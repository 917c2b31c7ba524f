package grpcresolver

import (
	"context"
	"errors"
	"fmt"

	_ "google.golang.org/grpc/health" // Makes health=NAME work: gRPC asks instances only in programs that link it.
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/serviceconfig"

	"github.com/musterhq/muster/api/client"
)

// Scheme is that of the targets: muster:///payments.
const Scheme = "muster"

// None, as Builder.ServiceConfig or in a target's lb, sends no service config, so that the channel's default counts.
const None = "none"

// ErrTarget says that a target cannot be understood.
var ErrTarget = errors.New("grpcresolver: not a target")

// ErrNoInstance is what a channel is told when the service is known and nobody is there to call.
var ErrNoInstance = errors.New("grpcresolver: no instance is up")

// Builder makes the resolvers of gRPC channels. It is a resolver.Builder, for grpc.WithResolvers or resolver.Register.
type Builder struct {
	// Client is asked. Required; the builder does not close it.
	Client *client.Client
	// ServiceConfig is sent to channels whose target names no policy: JSON as in gRFC A6, None, or "", which is round robin.
	ServiceConfig string
}

// NewBuilder makes a builder that asks c, of channels with round robin.
func NewBuilder(c *client.Client) *Builder { return &Builder{Client: c} }

// Scheme is the constant of that name.
func (*Builder) Scheme() string { return Scheme }

// Build begins to follow the service that a target names. The error wraps ErrTarget, or is that of the service config; an
// unreachable registry is none, since that passes.
func (b *Builder) Build(to resolver.Target, cc resolver.ClientConn, opts resolver.BuildOptions) (resolver.Resolver, error) {
	t, err := parseTarget(to.URL)
	if err != nil {
		return nil, err
	}
	var config *serviceconfig.ParseResult
	if text := t.serviceConfig(b.ServiceConfig); text != "" && !opts.DisableServiceConfig {
		config = cc.ParseServiceConfig(text)
		if config.Err != nil {
			return nil, fmt.Errorf("grpcresolver: service config %s: %w", text, config.Err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &follower{client: b.Client, target: t, config: config, cc: cc, cancel: cancel}
	r.running.Go(func() { r.run(ctx) })
	return r, nil
}
