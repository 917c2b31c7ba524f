package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
)

// checkAddresses finds the first setting that is no address, before anything is opened.
func checkAddresses(s settings) error {
	check := func(flag, address string, zeroPort bool) error {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return fmt.Errorf("--%s %q is not HOST:PORT, as in 127.0.0.1:7946", flag, address)
		}
		n, err := strconv.ParseUint(port, 10, 16)
		switch {
		case err != nil:
			return fmt.Errorf("--%s %q has the port %q: a port is a number from 0 to 65535", flag, address, port)
		case n == 0 && !zeroPort:
			return fmt.Errorf("--%s %q has port 0, which nobody can be reached at", flag, address)
		}
		return nil
	}
	if err := check("bind", s.bind, true); err != nil {
		return err
	}
	if s.advertise != "" {
		if _, err := netip.ParseAddrPort(s.advertise); err != nil {
			return fmt.Errorf("--advertise %q is not IP:PORT, as in 10.0.0.5:7946", s.advertise)
		}
	}
	for _, a := range s.join {
		if err := check("join", a, false); err != nil {
			return err
		}
	}
	if err := checkWAN(s, check); err != nil {
		return err
	}
	for _, a := range s.http {
		if err := check("http", a, true); err != nil {
			return err
		}
	}
	if s.dns == dnsOff {
		return nil
	}
	if err := check("dns", s.dns, true); err != nil {
		return fmt.Errorf("%w; off is for none", err)
	}
	return nil
}

// checkPeers finds the first Eureka server that is no URL. The error does not show it: it may hold a password.
func checkPeers(urls []string) error {
	for n, text := range urls {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("--eureka-peer number %d is not a URL such as http://eureka-1:8761/eureka/", n+1)
		}
	}
	return nil
}

// isLoopback reports whether only this machine reaches an address to listen on. What cannot be told is not.
func isLoopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// reachable is the address that others use for a listener's: if that is every interface, with the host of the address
// that the node tells of itself, advertised; empty as long as that is not known.
func reachable(listener, advertised string) string {
	host, port, err := net.SplitHostPort(listener)
	if err != nil {
		return listener
	}
	if ip := net.ParseIP(host); host != "" && (ip == nil || !ip.IsUnspecified()) {
		return listener
	}
	if own, _, err := net.SplitHostPort(advertised); err == nil {
		return net.JoinHostPort(own, port)
	}
	return ""
}

// checkWAN is checkAddresses for those of gateways.
func checkWAN(s settings, check func(flag, address string, zeroPort bool) error) error {
	if s.wanBind == "" {
		if len(s.wanJoin) > 0 || s.wanAdv != "" {
			return errors.New("--wan-join and --wan-advertise are for gateways: give --wan-bind too")
		}
		return nil
	}
	if err := check("wan-bind", s.wanBind, true); err != nil {
		return err
	}
	if s.wanAdv != "" {
		if _, err := netip.ParseAddrPort(s.wanAdv); err != nil {
			return fmt.Errorf("--wan-advertise %q is not IP:PORT, as in 203.0.113.5:7947", s.wanAdv)
		}
	}
	for _, a := range s.wanJoin {
		if err := check("wan-join", a, false); err != nil {
			return err
		}
	}
	return nil
}
