package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// Resolver is the part of net.Resolver that is used.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// SplitHostPort takes "host:port" apart; the error names the value.
func SplitHostPort(s string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not host:port", s)
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q has the port %q, a port is 0 to 65535", s, text)
	}
	return host, int(n), nil
}

// ParseAdvertise reads an "ip:port" that others are told; the error is the end of a sentence about Advertise.
func ParseAdvertise(s string) (netip.AddrPort, error) {
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is not ip:port", s)
	}
	if a.Addr().IsUnspecified() {
		return netip.AddrPort{}, fmt.Errorf("%q is no address that others can reach", s)
	}
	return a, nil
}

// Resolve gives every address of a "host:port", looking the name up anew. Nil for r is net.DefaultResolver.
func Resolve(ctx context.Context, r Resolver, seed string) ([]string, error) {
	host, port, err := SplitHostPort(seed)
	if err != nil {
		return nil, err
	}
	if port == 0 {
		return nil, fmt.Errorf("%q has port 0", seed)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []string{netip.AddrPortFrom(ip.Unmap(), uint16(port)).String()}, nil
	}
	ips, err := lookup(ctx, r, host)
	if err != nil {
		// The resolver's error names the host, and the server if one was asked.
		return nil, err
	}
	if len(ips) == 0 {
		return nil, errors.New("the name has no address")
	}
	addrs := make([]string, len(ips))
	for i, ip := range ips {
		addrs[i] = netip.AddrPortFrom(ip.Unmap(), uint16(port)).String()
	}
	return addrs, nil
}

// bindIP is the IP address to listen on. An empty host is every interface; of a name's addresses the first counts.
func bindIP(ctx context.Context, r Resolver, host string) (netip.Addr, error) {
	if host == "" {
		return netip.IPv4Unspecified(), nil
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap(), nil
	}
	ips, err := lookup(ctx, r, host)
	if err != nil {
		return netip.Addr{}, err
	}
	if len(ips) == 0 {
		return netip.Addr{}, errors.New("the name has no address")
	}
	return ips[0].Unmap(), nil
}

func lookup(ctx context.Context, r Resolver, name string) ([]netip.Addr, error) {
	if r == nil {
		r = net.DefaultResolver
	}
	return r.LookupNetIP(ctx, "ip", name)
}
