package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Refresh is how the cache is kept up to date.
type Refresh int

const (
	// Stream holds a stream of changes open for each service: a change is here a moment after it is at the node. Where
	// streams do not get through, as with proxies that collect answers, the client asks by long poll for a while.
	Stream Refresh = iota
	// LongPoll asks, and is answered when there is something new, or after Config.Interval.
	LongPoll
	// Poll asks every Config.Interval.
	Poll
	// OnDemand asks when a service is looked up and what is held of it is older than Config.Interval. The one who looks up
	// does not wait: who comes after the answer has the new list. Nothing is asked about services that nobody looks up.
	OnDemand
)

// Resolver finds the addresses behind a host name; *net.Resolver is one.
type Resolver interface {
	LookupHost(ctx context.Context, host string) (addresses []string, err error)
}

// Config is what a client may be told. The zero Config talks to a node on this machine.
type Config struct {
	// Nodes are the nodes' addresses: URLs without a path, or host:port, which is http; none is http://127.0.0.1:8761. A
	// host name is resolved anew every half minute, and each of its addresses is a node. (It is one node if the scheme is
	// https and Transport is set.)
	Nodes []string
	// Learn makes the client use all nodes of the data centre, as those in Nodes list them. Use it where the addresses at
	// which nodes listen are those at which the client reaches them.
	Learn bool
	// Namespace is that of the services; "" is "default". Datacenter is where instances are looked for: "" is the data
	// centre of the node that answers, "*" all of them.
	Namespace, Datacenter string
	// Token is sent with each request, if it is not empty.
	Token string
	// TLS is for nodes of scheme https; nil is the standard library's default.
	TLS *tls.Config
	// Transport sends the requests, in place of one that the client makes. It must not follow proxies' caches.
	Transport http.RoundTripper
	// Resolver is net.DefaultResolver if nil.
	Resolver Resolver

	// Refresh is how the cache is kept up to date.
	Refresh Refresh
	// Interval is the time between two polls (0: 10 s), how long a long poll waits (30 s), or the time for which an answer
	// is good on demand (30 s). Each is jittered.
	Interval time.Duration
	// StaleAfter is the age from which a view calls itself stale; 0 is three intervals, or a minute with Stream.
	StaleAfter time.Duration
	// CacheFile keeps the cache on disk; "" keeps it in memory alone. The file belongs to one process.
	CacheFile string
	// MaxServices bounds how many services are followed; 0 is 1,024.
	MaxServices int
	// Guard is what protects lists from sudden loss.
	Guard Guard

	// Timeout is how long one node may take to answer one request; 0 is 3 s.
	Timeout time.Duration
	// MaxBackoff bounds the pause between two rounds of tries while no node answers; 0 is 15 s.
	MaxBackoff time.Duration
	// Spread is the time over which clients that lost their stream at the same moment open another; 0 is 5 s. A longer one
	// is kinder to the nodes that are left, a shorter one lets fewer changes wait.
	Spread time.Duration
	// RetryRate bounds what the client sends beyond its usual requests, all together: tries at another node, repetitions,
	// second opinions, streams opened again. Per second, with bursts of five times as much; 0 is 2.
	RetryRate float64

	// Logger gets what is worth knowing: nodes lost and back, lists held back, files that are damaged. Nil discards it.
	Logger *slog.Logger
}

// Guard holds back what a list lacks of what was there a moment ago: the missing stay in the view, until another node says
// that they are gone too, or, if nobody else can be asked, the time is over. It does so when too many vanish at once; and
// for any number when another node than before tells the list, or one that was restarted, so that how it came to it is
// not known. (Of those few, a node is believed at once if nobody else can be asked.) An instance that deregistered is gone
// at once. The zero Guard is on.
type Guard struct {
	// Off believes every answer.
	Off bool
	// Share is how much of a list may vanish within ten seconds before it is held back, from 0 to 1; 0 is 0.5: a half.
	Share float64
	// Hold is how long a list is held back while no other node can be asked; 0 is 1 min, twice the usual TTL, so that a
	// node that lost its memory has been told again by then.
	Hold time.Duration
}

// Bounds and defaults.
const (
	defaultNode        = "http://127.0.0.1:8761"
	defaultMaxServices = 1024
	maxAnswerBytes     = 256 << 20
)

func (c Config) withDefaults() Config {
	if len(c.Nodes) == 0 {
		c.Nodes = []string{defaultNode}
	}
	c.Namespace = cmp.Or(c.Namespace, defaultNamespace)
	if c.Interval == 0 {
		c.Interval = 30 * time.Second
		if c.Refresh == Poll {
			c.Interval = 10 * time.Second
		}
	}
	if c.StaleAfter == 0 {
		c.StaleAfter = 3 * c.Interval
		if c.Refresh == Stream {
			c.StaleAfter = time.Minute
		}
	}
	c.MaxServices = cmp.Or(c.MaxServices, defaultMaxServices)
	c.Guard.Share = cmp.Or(c.Guard.Share, 0.5)
	c.Guard.Hold = cmp.Or(c.Guard.Hold, time.Minute)
	c.Timeout = cmp.Or(c.Timeout, 3*time.Second)
	c.MaxBackoff = cmp.Or(c.MaxBackoff, 15*time.Second)
	c.Spread = cmp.Or(c.Spread, 5*time.Second)
	c.RetryRate = cmp.Or(c.RetryRate, 2)
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// validate returns all that is wrong, joined.
func (c Config) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("client: "+format, args...)) }
	for _, n := range c.Nodes {
		if _, err := parseNode(n); err != nil {
			errs = append(errs, err)
		}
	}
	if c.Refresh < Stream || c.Refresh > OnDemand {
		bad("Refresh is %d, which is none of the four", c.Refresh)
	}
	for name, d := range map[string]time.Duration{
		"Interval": c.Interval, "StaleAfter": c.StaleAfter, "Timeout": c.Timeout, "MaxBackoff": c.MaxBackoff,
		"Spread": c.Spread, "Guard.Hold": c.Guard.Hold,
	} {
		if d < 0 {
			bad("%s is %v, and must not be negative", name, d)
		}
	}
	if c.Guard.Share < 0 || c.Guard.Share > 1 {
		bad("Guard.Share is %v, and must be 0 to 1", c.Guard.Share)
	}
	if c.RetryRate < 0 {
		bad("RetryRate is %v, and must not be negative", c.RetryRate)
	}
	if c.MaxServices < 0 {
		bad("MaxServices is %d, and must not be negative", c.MaxServices)
	}
	return errors.Join(errs...)
}

// parseNode reads the address of a node: scheme, host and port, and nothing else.
func parseNode(s string) (*url.URL, error) {
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, fmt.Errorf("client: the address of a node: %w", err)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("client: node %q: the scheme must be http or https", s)
	case u.Hostname() == "":
		return nil, fmt.Errorf("client: node %q: the host is missing", s)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil || u.Fragment != "":
		return nil, fmt.Errorf("client: node %q: give scheme, host and port alone", s)
	}
	u.Path = ""
	return u, nil
}
