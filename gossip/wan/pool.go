package wan

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/serf/serf"

	"github.com/musterhq/muster/gossip/host"
)

// Pool is this gateway's membership of the pool of all gateways, and its links. Make one with Start; the zero value is not
// usable. It owns sockets and goroutines until Close.
type Pool struct {
	cfg   Config
	times timings
	me    identity
	addr  string // "ip:port" as advertised
	self  string // Serf's name of this life
	log   *slog.Logger
	serf  *serf.Serf
	port  *port
	links *links
	ended endings
	calls *host.Mailbox[func()] // of OnEvent and OnDrained
	stats counters

	view   atomic.Pointer[View]
	viewMu sync.Mutex // one refresh at a time, so that events are in order

	dirty chan struct{} // capacity 1, as the next two: Serf has news
	steer chan struct{} // members or links have changed
	retag chan struct{} // links or metadata may have changed

	life    context.Context // ends with Close
	die     context.CancelFunc
	done    <-chan struct{} // of life
	staying context.Context // ends with Leave or Close
	depart  context.CancelFunc
	wg      sync.WaitGroup

	mu     sync.Mutex // guards starting goroutines against closing
	closed bool
	left   chan struct{} // closed when Serf has left; nil before Leave

	metaMu     sync.Mutex
	meta       Meta
	clashMu    sync.Mutex
	clashes    map[string]time.Time // "identity address" to when it was looked into; at most maxClashes
	complained atomic.Int64         // when a refusal was last logged, Unix nanoseconds
}

// Start listens and, if there are seeds, asks them all once to take this gateway in. Seeds that do not answer are not an
// error: the pool goes on trying, and ctx bounds only this first try. It is an error, and nothing keeps running, if
//   - the configuration cannot work (ErrConfig, ErrTooLarge) or the address cannot be had (ErrBind);
//   - no seed took this gateway in and at least one has other keys (ErrKey);
//   - ctx ended.
func Start(ctx context.Context, cfg Config) (*Pool, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p, err := open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := p.firstJoin(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	p.spawn(func() { p.rejoinLoop(p.staying) })
	return p, nil
}

// open starts a pool of one.
func open(ctx context.Context, cfg Config) (*Pool, error) {
	ring, err := cfg.ring()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	p := &Pool{
		cfg: cfg, times: profiles[cfg.Profile], meta: cfg.Meta,
		me:    identity{name: cfg.Name, datacenter: cfg.Datacenter, ring: ring, tls: cfg.TLS},
		self:  lifeName(cfg.Datacenter, cfg.Name, cfg.Meta.Incarnation),
		log:   cfg.Logger.With("component", "wan", "node", ID(cfg.Datacenter, cfg.Name)),
		links: newLinks(), calls: host.NewMailbox[func()](), clashes: map[string]time.Time{},
		dirty: make(chan struct{}, 1), steer: make(chan struct{}, 1), retag: make(chan struct{}, 1),
	}
	p.view.Store(&View{})
	p.life, p.die = context.WithCancel(context.Background())
	p.staying, p.depart = context.WithCancel(p.life)
	p.done = p.life.Done()
	if p.me.security() == plainSecurity {
		p.log.Warn("links are not encrypted: there is neither a key nor a certificate")
	} else {
		p.log.Info("links are encrypted", "security", p.Security())
	}
	conf, events, err := p.serfConfig(ctx)
	if err != nil {
		p.die()
		return nil, err
	}
	ip, number, err := p.port.FinalAdvertiseAddr("", 0)
	if err != nil {
		p.die()
		return nil, errors.Join(fmt.Errorf("%w: Bind %q: %w", ErrConfig, cfg.Bind, err), p.port.Shutdown())
	}
	p.addr = net.JoinHostPort(ip.String(), strconv.Itoa(number))
	p.port.open(p.addr)
	tags := maps.Clone(conf.Tags) // From now on the map is Serf's.
	if p.serf, err = serf.Create(conf); err != nil {
		p.stop()
		err = errors.Join(fmt.Errorf("wan: start %s: %w", p.ID(), err), p.port.Shutdown())
		p.wg.Wait()
		return nil, err
	}
	p.spawn(func() { p.drain(events) })
	p.refresh()
	p.spawn(p.watch)
	p.spawn(p.deliver)
	p.spawn(p.steerLoop)
	p.spawn(func() { p.tagLoop(tags) })
	return p, nil
}

// ID is the identity of this gateway, "datacenter/name".
func (p *Pool) ID() string { return p.me.id() }

// Security is what protects links: "TLS", "gossip key" or "none".
func (p *Pool) Security() string { return p.me.security().String() }

// Addr is the "ip:port" that the other gateways use, with the port that was picked.
func (p *Pool) Addr() string { return p.addr }

// Members returns what this gateway believes about all gateways, itself included, at this moment. It allocates nothing.
func (p *Pool) Members() *View { return p.view.Load() }

// HealthScore is how ill this gateway finds itself: 0 is well; probes that fail for lack of any answer add to it, up to 7.
func (p *Pool) HealthScore() int { return p.serf.Memberlist().GetHealthScore() }

// Keyring is the encryption keys, to rotate them: install the new one everywhere, use it everywhere, remove the old one
// everywhere. A link keeps the key that it began with, and is dialled anew once that key is removed. Nil if the pool was
// started without keys. Safe for concurrent use.
func (p *Pool) Keyring() *Keyring { return p.me.ring }

// RTT is the estimated round trip between this gateway and another, given by its identity, from Serf's network
// coordinates (Vivaldi); false until this gateway has probed it. To itself it is 0.
func (p *Pool) RTT(id string) (time.Duration, bool) {
	l, ok := p.Members().lives[id]
	if !ok {
		return 0, false
	}
	if l.serf == p.self {
		return 0, true
	}
	other, ok := p.serf.GetCachedCoordinate(l.serf)
	if !ok {
		return 0, false
	}
	mine, err := p.serf.GetCoordinate()
	if err != nil {
		return 0, false
	}
	return mine.DistanceTo(other), true
}

// SetMeta changes what the others learn of this gateway, and returns before they have. Incarnation has to be that of Start
// (ErrConfig). ErrTooLarge if it does not fit: nothing has changed then. ErrClosed after Close.
func (p *Pool) SetMeta(m Meta) error {
	if m.Incarnation != p.cfg.Meta.Incarnation {
		return fmt.Errorf("%w: Incarnation %d, the pool was started with %d", ErrConfig, m.Incarnation, p.cfg.Meta.Incarnation)
	}
	c := p.cfg.card()
	c.Meta = m
	if _, err := c.tags(nil); err != nil {
		return err
	}
	if p.closing() {
		return ErrClosed
	}
	p.metaMu.Lock()
	p.meta = m
	p.metaMu.Unlock()
	signal(p.retag)
	return nil
}

// tags is what the others are to know at this moment.
func (p *Pool) tags() (map[string]string, error) {
	c := p.cfg.card()
	p.metaMu.Lock()
	c.Meta = p.meta
	p.metaMu.Unlock()
	all := p.links.list()
	peers := make([]string, 0, len(all))
	for _, l := range all {
		peers = append(peers, l.peer)
	}
	return c.tags(peers)
}

// stop ends what waits; false if it was done before.
func (p *Pool) stop() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.closed = true
	p.die()
	return true
}

// spawn runs f on a goroutine that Close waits for; false after Close.
func (p *Pool) spawn(f func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.wg.Go(f)
	return true
}

func (p *Pool) closing() bool { return p.life.Err() != nil }

// deliver makes the calls that wait for it until the pool closes.
func (p *Pool) deliver() {
	for {
		select {
		case <-p.calls.Ready:
			for _, call := range p.calls.Take() {
				if p.closing() {
					return
				}
				call()
			}
		case <-p.done:
			return
		}
	}
}

// seeds is the seeds without repetition, in their order.
func (c *Config) seeds() []string {
	var out []string
	for _, s := range c.Seeds {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
