package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"

	"github.com/spf13/pflag"
)

// off is the address that switches a listener off.
const off = "off"

// options are what the command may be told.
type options struct {
	servers    []string
	listen     string
	admin      string
	datacenter string
	namespace  string
	token      string
	logFormat  string
	logLevel   slog.Level
	insecure   bool
}

// newFlags makes the flags, which write to o. A flag counts for more than the environment.
func newFlags(o *options, env func(string) string) *pflag.FlagSet {
	f := pflag.NewFlagSet("muster-xds", pflag.ContinueOnError)
	f.SortFlags = false
	f.StringArrayVar(&o.servers, "server", []string{cmp.Or(env("MUSTER_SERVER"), "http://127.0.0.1:8761")}, "a Muster node's `URL`; repeat it for those to go to when it is lost")
	f.StringVar(&o.listen, "listen", "127.0.0.1:18000", "`HOST:PORT` at which Envoy and gRPC connect")
	f.StringVar(&o.admin, "admin", "127.0.0.1:18001", "`HOST:PORT` of /healthz, /readyz and /metrics; off switches it off")
	f.StringVar(&o.datacenter, "dc", "", "`NAME` of the data centre that comes first; that of the node if not given")
	f.StringVar(&o.namespace, "namespace", "default", "`NAME` of the services' namespace")
	f.StringVar(&o.token, "token", "", "`TOKEN` for the nodes; better given as MUSTER_TOKEN")
	f.StringVar(&o.logFormat, "log-format", "text", "`text|json`, to standard error")
	f.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "`LEVEL`: debug, info, warn or error")
	f.BoolVar(&o.insecure, "insecure", false, "listen beyond loopback, without encryption")
	return f
}

// errUsage is a wrong usage; what it wraps says which.
var errUsage = errors.New("usage")

// parse reads the arguments. The error is pflag.ErrHelp or an errUsage.
func parse(args []string, env func(string) string, help io.Writer) (options, error) {
	var o options
	f := newFlags(&o, env)
	f.SetOutput(help)
	f.Usage = func() {
		_, _ = fmt.Fprintf(help, "Serves a Muster cluster to Envoy and to proxyless gRPC.\n\nusage: muster-xds [flags]\n%s", f.FlagUsages())
	}
	if err := f.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return o, err
		}
		return o, fmt.Errorf("%w: %w", errUsage, err)
	}
	o.token = cmp.Or(o.token, env("MUSTER_TOKEN"))
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("%w: %q is not a flag, and there are no arguments", errUsage, f.Arg(0))
	case o.logFormat != "text" && o.logFormat != "json":
		return o, fmt.Errorf("%w: --log-format is text or json, not %q", errUsage, o.logFormat)
	}
	for name, address := range map[string]string{"listen": o.listen, "admin": o.admin} {
		if name == "admin" && address == off {
			continue
		}
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return o, fmt.Errorf("%w: --%s: %w", errUsage, name, err)
		}
		if ip := net.ParseIP(host); !o.insecure && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return o, fmt.Errorf("%w: --%s %s is not loopback, and what is said there is not encrypted: add --insecure if the network is yours", errUsage, name, address)
		}
	}
	return o, nil
}

// logger is the log that the options ask for.
func (o options) logger(to io.Writer) *slog.Logger {
	h := &slog.HandlerOptions{Level: o.logLevel}
	if o.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(to, h))
	}
	return slog.New(slog.NewTextHandler(to, h))
}
