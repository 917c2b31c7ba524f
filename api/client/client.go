package client

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Client is a connection to a cluster: it finds services, from a cache, and registers instances. It belongs to a program
// for as long as that runs; the zero Client is not usable: see New. All methods are safe for any number of goroutines.
type Client struct {
	cfg       Config
	log       *slog.Logger
	pool      pool
	budget    *budget
	directory *directory
	disk      *disk // nil without a file
	epoch     time.Time

	life    context.Context
	end     context.CancelFunc
	running sync.WaitGroup // all goroutines

	services atomic.Pointer[map[string]*service] // replaced when one is added; all those of one namespace and data centre

	mu            sync.Mutex // guards the below, and who replaces services
	closed        bool
	registrations map[*Registration]bool
	transports    map[string]*http.Transport // by the name in the certificate; "" is the node's address
}

// New makes a client. It loads the file, if there is one, and asks no node: requests begin with the first use. The error
// is that of the config, all of it; a file that cannot be read is set aside.
func New(cfg Config) (*Client, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	c := &Client{
		cfg: cfg, log: cfg.Logger.With("component", "client"), budget: newBudget(cfg.RetryRate), epoch: time.Now(),
		registrations: map[*Registration]bool{}, transports: map[string]*http.Transport{},
	}
	c.life, c.end = context.WithCancel(context.Background())
	services := map[string]*service{}
	if cfg.CacheFile != "" {
		c.disk = newDisk(c)
		services = c.disk.load()
	}
	c.services.Store(&services)
	c.directory = newDirectory(c)
	if c.directory.looks {
		c.running.Go(func() { c.directory.run(c.life) })
	}
	if c.disk != nil {
		c.running.Go(func() { c.disk.run(c.life) })
	}
	return c, nil
}

// Close deregisters what was registered, ends every watch, saves the cache and waits until nothing is left running. The
// error is the context's: then some instances may still be registered, until their TTL. Lookups go on answering from what
// there was. Closing again is harmless.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	open := make([]*Registration, 0, len(c.registrations))
	for r := range c.registrations {
		open = append(open, r)
	}
	c.mu.Unlock()
	var leaving sync.WaitGroup
	for _, r := range open {
		leaving.Go(func() { _ = r.Deregister(ctx) }) // said below, by the context
	}
	leaving.Wait()
	c.end()
	c.running.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.transports {
		t.CloseIdleConnections()
	}
	return ctx.Err()
}

// Nodes are the addresses that the client knows at the moment, sorted.
func (c *Client) Nodes() []string { return c.pool.bases() }

// newNode makes a node of an address, with the transport that fits it.
func (c *Client) newNode(a address) *node {
	if c.cfg.Transport != nil {
		return newNode(a.base, a.host, c.cfg.Transport)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.transports[a.server]
	if t == nil {
		t = c.newTransport(a.server)
		c.transports[a.server] = t
	}
	return newNode(a.base, a.host, t)
}

// newTransport makes a transport for nodes whose certificates are of that name.
func (c *Client) newTransport(server string) *http.Transport {
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.cfg.TLS != nil {
		secure = c.cfg.TLS.Clone()
	}
	if secure.ServerName == "" {
		secure.ServerName = server
	}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: c.cfg.Timeout}).DialContext,
		TLSClientConfig:     secure,
		TLSHandshakeTimeout: c.cfg.Timeout,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     time.Minute,
	}
}
