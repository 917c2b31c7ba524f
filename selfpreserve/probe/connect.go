package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"

	"github.com/musterhq/muster/selfpreserve"
)

// maxAddresses is how many addresses of a name are tried. One that has more is no single process, and nothing that a few
// of them say proves anything about it.
const maxAddresses = 8

// Prober tries connections. It holds no state; a copy is as good. The zero Prober is usable.
type Prober struct {
	// Loopback says that the instances may be on this machine: that a loopback address means them. Without it such an
	// address proves nothing, because it is this machine that would answer, and not theirs.
	Loopback bool
	// Resolver resolves names; nil is net.DefaultResolver.
	Resolver *net.Resolver
}

// Connect connects to host:port, sends nothing, and closes. The host may be a name, which is resolved. ctx bounds all of
// it; without a deadline the kernel's applies, which is minutes. What cannot be asked is selfpreserve.Nothing.
func (p Prober) Connect(ctx context.Context, hostport string) selfpreserve.Outcome {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil || host == "" {
		return selfpreserve.Nothing
	}
	addresses, err := p.resolve(ctx, host)
	if err != nil || len(addresses) == 0 || len(addresses) > maxAddresses {
		return selfpreserve.Nothing
	}
	refused := 0
	for _, a := range addresses {
		switch p.try(ctx, a, port) {
		case selfpreserve.Connected:
			return selfpreserve.Connected
		case selfpreserve.Refused:
			refused++
		case selfpreserve.Nothing:
		}
	}
	if refused == len(addresses) {
		return selfpreserve.Refused
	}
	return selfpreserve.Nothing
}

// resolve is the addresses of a host: itself if it is one.
func (p Prober) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	r := p.Resolver
	if r == nil {
		r = net.DefaultResolver
	}
	return r.LookupNetIP(ctx, "ip", host)
}

// try connects to one address.
func (p Prober) try(ctx context.Context, a netip.Addr, port string) selfpreserve.Outcome {
	a = a.Unmap()
	if a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() && !p.Loopback {
		return selfpreserve.Nothing
	}
	d := net.Dialer{KeepAlive: -1}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(a.String(), port))
	switch {
	case err == nil:
		_ = conn.Close() // It has said what there was to say.
		return selfpreserve.Connected
	case errors.Is(err, syscall.ECONNREFUSED):
		return selfpreserve.Refused
	default:
		return selfpreserve.Nothing
	}
}
