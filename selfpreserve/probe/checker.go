package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/musterhq/muster/catalog"
)

// userAgent is what HTTP and gRPC checks say they are. Services that let health checks pass without a login know Consul's.
const userAgent = "Consul Health Check"

// Checker runs health checks, each once and within its time-out. It holds the connections of none: a check that reuses
// one would not see that nothing listens any more. Safe for any number of goroutines. The zero Checker is not usable: see
// NewChecker.
type Checker struct {
	scripts bool
	plain   *http.Transport
}

// NewChecker makes a checker. scripts says that it may run commands on this machine.
func NewChecker(scripts bool) *Checker {
	return &Checker{scripts: scripts, plain: transport(&catalog.Check{})}
}

// transport is for HTTP checks, without keep-alive, proxy and compression, and with small buffers: one is filled and
// thrown away with every run.
func transport(c *catalog.Check) *http.Transport {
	d := net.Dialer{KeepAlive: -1}
	return &http.Transport{
		DialContext: d.DialContext, TLSClientConfig: tlsOf(c), DisableKeepAlives: true, DisableCompression: true,
		ReadBufferSize: 1 << 10, WriteBufferSize: 1 << 10, MaxResponseHeaderBytes: 64 << 10,
	}
}

func tlsOf(c *catalog.Check) *tls.Config {
	return &tls.Config{
		ServerName: c.TLSServerName, InsecureSkipVerify: c.TLSSkipVerify, //nolint:gosec // Whoever registers the check asks for it.
		MinVersion: tls.VersionTLS12,
	}
}

// Run runs a check and returns what it found: CheckPassing, CheckWarning or CheckCritical, and words for people. A check
// that this node may not run, and one of a type that is not run at all, is CheckNone: nothing was found. It takes no
// longer than the check's Timeout and ends with ctx.
func (k *Checker) Run(ctx context.Context, c *catalog.Check) (catalog.CheckStatus, string) {
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = catalog.DefaultCheckTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	switch c.Type() {
	case "http":
		return k.http(ctx, c)
	case "tcp":
		return connect(ctx, c)
	case "grpc":
		return serving(ctx, c)
	case "script":
		if !k.scripts {
			return catalog.CheckNone, "script checks are not enabled at this node"
		}
		return script(ctx, c, timeout)
	default:
		return catalog.CheckNone, "a check of type " + c.Type() + " is not run"
	}
}

// connect is the TCP check: a connection, with a TLS handshake if asked for.
func connect(ctx context.Context, c *catalog.Check) (catalog.CheckStatus, string) {
	d := net.Dialer{KeepAlive: -1}
	conn, err := d.DialContext(ctx, "tcp", c.TCP)
	if err == nil && c.TLS {
		config := tlsOf(c)
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(c.TCP) // It has been dialled, so it is one.
		}
		err = tls.Client(conn, config).HandshakeContext(ctx)
	}
	if conn != nil {
		_ = conn.Close() // It has said what there was to say.
	}
	if err != nil {
		return catalog.CheckCritical, err.Error()
	}
	return catalog.CheckPassing, fmt.Sprintf("TCP connect %s: Success", c.TCP)
}

// outputLimit is how much of an output is read: no more than is kept.
func outputLimit(c *catalog.Check) int {
	if c.OutputMax > 0 {
		return min(c.OutputMax, catalog.MaxOutput)
	}
	return catalog.DefaultOutput
}

// scriptGrace is how long after its time-out a script's pipes are waited for.
const scriptGrace = time.Second
