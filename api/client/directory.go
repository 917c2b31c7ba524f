package client

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"
)

const (
	resolveEvery = 30 * time.Second
	hurryEvery   = 5 * time.Second
)

// address is where a node is reached, and under which name if that is not its address.
type address struct {
	base, host string
	server     string // of the certificate, if it is not the host of base
}

// directory keeps the list of nodes: host names are resolved, and members learned, every half minute, and sooner if no
// node answers. It has a goroutine only if there is something to find out.
type directory struct {
	c       *Client
	seeds   []*url.URL
	learned []string // host:port
	first   chan struct{}
	poke    chan struct{}
	looks   bool // there is something to find out
}

func newDirectory(c *Client) *directory {
	d := &directory{c: c, first: make(chan struct{}), poke: make(chan struct{}, 1)}
	names := false
	for _, s := range c.cfg.Nodes {
		u, err := parseNode(s)
		if err != nil {
			continue // the config has been validated
		}
		d.seeds = append(d.seeds, u)
		names = names || d.expands(u)
	}
	if !names && !c.cfg.Learn {
		d.set(c.life)
		close(d.first)
		return d
	}
	d.looks = true
	return d
}

// expands reports whether the node is a name that is to be resolved here.
func (d *directory) expands(u *url.URL) bool {
	_, err := netip.ParseAddr(u.Hostname())
	return err != nil && (u.Scheme == "http" || d.c.cfg.Transport == nil)
}

// wait waits for the first list of nodes.
func (d *directory) wait(ctx context.Context) error {
	select {
	case <-d.first:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-d.c.life.Done():
		return ErrClosed
	}
}

// hurry makes the directory look soon: no node answers.
func (d *directory) hurry() {
	select {
	case d.poke <- struct{}{}:
	default:
	}
}

func (d *directory) run(ctx context.Context) {
	d.set(ctx)
	close(d.first)
	for {
		if d.c.cfg.Learn {
			d.learn(ctx)
			d.set(ctx)
		}
		last := time.Now()
		timer := time.NewTimer(between(resolveEvery*9/10, resolveEvery))
		select {
		case <-timer.C:
		case <-d.poke:
			timer.Stop()
			if pause(ctx, hurryEvery-time.Since(last)) != nil {
				return
			}
		case <-ctx.Done():
			timer.Stop()
			return
		}
		d.set(ctx)
	}
}

// set gives the pool the nodes: those of the seeds, a name that cannot be resolved as it is, and those learned.
func (d *directory) set(ctx context.Context) {
	all := make([]address, 0, len(d.seeds)+len(d.learned))
	for _, u := range d.seeds {
		all = append(all, d.resolve(ctx, u)...)
	}
	for _, hostport := range d.learned {
		all = append(all, address{base: d.seeds[0].Scheme + "://" + hostport})
	}
	if ctx.Err() == nil {
		d.c.pool.set(all, d.c.newNode)
	}
}

func (d *directory) resolve(ctx context.Context, u *url.URL) []address {
	if !d.expands(u) {
		return []address{{base: u.String()}}
	}
	ctx, cancel := context.WithTimeout(ctx, d.c.cfg.Timeout)
	defer cancel()
	hosts, err := d.c.cfg.Resolver.LookupHost(ctx, u.Hostname())
	if err != nil || len(hosts) == 0 {
		d.c.log.DebugContext(ctx, "name of a node cannot be resolved", "node", u.Host, "err", err)
		return []address{{base: u.String()}}
	}
	slices.Sort(hosts)
	var out []address
	for _, host := range hosts {
		at := *u
		at.Host = host
		if p, err := netip.ParseAddr(host); err == nil && p.Is6() {
			at.Host = "[" + host + "]"
		}
		if port := u.Port(); port != "" {
			at.Host = net.JoinHostPort(host, port)
		}
		out = append(out, address{base: at.String(), host: u.Host, server: u.Hostname()})
	}
	return out
}

// learn asks for the members. What was learned is kept until a node answers with more than nothing.
func (d *directory) learn(ctx context.Context) {
	a, err := d.c.call(ctx, request{method: http.MethodGet, path: pathMembers, timeout: d.c.cfg.Timeout})
	if err != nil {
		return // the next time
	}
	var list struct {
		Members []struct{ State, HTTP string }
	}
	if json.Unmarshal(a.body, &list) != nil {
		return
	}
	var alive []string
	for _, m := range list.Members {
		if host, port, err := net.SplitHostPort(m.HTTP); m.State == "alive" && err == nil && host != "" && port != "" {
			alive = append(alive, m.HTTP)
		}
	}
	if len(alive) > 0 {
		slices.Sort(alive)
		d.learned = alive
	}
}
