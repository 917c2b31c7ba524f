package lan

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/musterhq/muster/gossip/host"
)

// listen opens UDP and TCP on the same port. The error names the address and wraps ErrBind or ErrConfig.
func listen(ctx context.Context, cfg *Config, logger *log.Logger) (*host.Sockets, error) {
	s, err := host.Listen(ctx, host.Listening{
		Bind: cfg.Bind, Advertise: cfg.Advertise, Resolver: cfg.Resolver, Log: logger,
	})
	switch {
	case errors.Is(err, host.ErrAdvertise):
		return nil, fmt.Errorf("%w: Bind %q %w", ErrConfig, cfg.Bind, err)
	case err != nil:
		return nil, fmt.Errorf("%w on %s: %w", ErrBind, cfg.Bind, err)
	}
	return s, nil
}
