package lan

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/hashicorp/memberlist"
)

// sockets is memberlist's own transport, except that a dial ends when the transport is shut down: a pool that closes
// does not wait for silent addresses.
type sockets struct {
	*memberlist.NetTransport
	advertise netip.AddrPort // zero: as bound
	ctx       context.Context
	cancel    context.CancelFunc
}

// listen opens UDP and TCP on the same port. The error names the address and wraps ErrBind.
func listen(ctx context.Context, cfg *Config, logger *log.Logger) (*sockets, error) {
	fail := func(err error) (*sockets, error) {
		return nil, fmt.Errorf("%w on %s: %w", ErrBind, cfg.Bind, err)
	}
	host, port, err := splitHostPort(cfg.Bind)
	if err != nil {
		return fail(err)
	}
	ip, err := bindIP(ctx, resolverOf(cfg), host)
	if err != nil {
		return fail(err)
	}
	s := &sockets{}
	if cfg.Advertise != "" {
		if s.advertise, err = parseAdvertise(cfg.Advertise); err != nil {
			return fail(err)
		}
	} else if ip.Is6() && ip.IsUnspecified() {
		return nil, fmt.Errorf("%w: Bind %q is every interface, so Advertise has to say which address others use",
			ErrConfig, cfg.Bind)
	}
	nc := &memberlist.NetTransportConfig{BindAddrs: []string{ip.String()}, BindPort: port, Logger: logger}
	// The kernel picks a port for TCP that UDP may not have: then another is tried.
	for tries := 0; ; tries++ {
		if s.NetTransport, err = memberlist.NewNetTransport(nc); err == nil {
			break
		}
		if port != 0 || tries == 10 || !strings.Contains(err.Error(), "address already in use") {
			return fail(err)
		}
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// FinalAdvertiseAddr is Config.Advertise, or the address bound.
func (s *sockets) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	if !s.advertise.IsValid() {
		return s.NetTransport.FinalAdvertiseAddr("", 0)
	}
	port := int(s.advertise.Port())
	if port == 0 {
		port = s.GetAutoBindPort()
	}
	return net.IP(s.advertise.Addr().Unmap().AsSlice()), port, nil
}

// DialAddressTimeout dials TCP.
func (s *sockets) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	d := net.Dialer{Timeout: timeout}
	return d.DialContext(s.ctx, "tcp", a.Addr)
}

// Shutdown closes the sockets and ends the dials.
func (s *sockets) Shutdown() error {
	s.cancel()
	return s.NetTransport.Shutdown()
}

func resolverOf(cfg *Config) Resolver {
	if cfg.Resolver != nil {
		return cfg.Resolver
	}
	return net.DefaultResolver
}
