package lan

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/musterhq/muster/gossip/host"
)

// leaveTimeout is how long Leave takes at most, and so how long it can hold up Close.
const leaveTimeout = 5 * time.Second

// Pool is this node's membership of its data centre. Make one with Start; the zero value is not usable. It owns sockets
// and goroutines until Close.
type Pool struct {
	cfg       Config
	id        string // identity of this life
	addr      string // "ip:port" as advertised
	log       *slog.Logger
	list      *memberlist.Memberlist
	ml        *memberlist.Config
	transport *transport
	roster    *roster
	events    *host.Mailbox[Event]
	inbox     chan inbound // Config.Queue deep; full: packets are dropped and counted, streams wait
	stats     counters
	meta      atomic.Pointer[[]byte] // encoded card
	settled   atomic.Bool            // some node has taken this one in

	lastGreeted atomic.Int64 // when a stranger or a member that had failed was last joined because it spoke, Unix nanoseconds

	ready   chan struct{}   // closed once list is set
	life    context.Context // ends with Close
	die     context.CancelFunc
	done    <-chan struct{} // of life
	staying context.Context // ends with Leave or Close
	depart  context.CancelFunc
	wg      sync.WaitGroup

	mu     sync.Mutex // guards starting goroutines against closing
	closed bool

	metaMu  sync.Mutex // one SetMeta at a time: memberlist reads its own record without a lock
	leaveMu sync.Mutex // held while memberlist leaves, which must not meet its shutdown
	left    bool       // under leaveMu

	clashMu sync.Mutex
	clashes map[string]time.Time // "name address" to when it was reported; at most maxClashes
}

// Start listens and, if there are seeds, asks them all once to take this node in. Seeds that do not answer are not an
// error: the pool goes on trying, and ctx bounds only this first try. It is an error, and nothing keeps running, if
//   - the configuration cannot work (ErrConfig, ErrTooLarge) or the address cannot be had (ErrBind);
//   - another node of this name is alive (ErrNameTaken);
//   - no seed took this node in and at least one refused it (ErrOtherDatacenter, ErrKey, ErrVersion);
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
	meta, err := cfg.card().encode()
	if err != nil {
		return nil, err
	}
	ml, err := cfg.memberlistConfig()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	p := &Pool{
		cfg: cfg, id: ml.Name, ml: ml,
		log:     cfg.Logger.With("component", "lan", "node", cfg.Name),
		events:  host.NewMailbox[Event](),
		inbox:   make(chan inbound, cfg.Queue),
		ready:   make(chan struct{}),
		clashes: map[string]time.Time{},
	}
	p.life, p.die = context.WithCancel(context.Background())
	p.staying, p.depart = context.WithCancel(p.life)
	p.done = p.life.Done()
	p.meta.Store(&meta)
	p.roster = newRoster(p.id, p.events)
	ml.Logger = host.Lines(p.log)
	network := cfg.Transport
	if network == nil {
		s, err := listen(ctx, &cfg, ml.Logger)
		if err != nil {
			return nil, err
		}
		network = s
	}
	p.transport = newTransport(network, ml.Label, ml.Keyring != nil, profiles[cfg.Profile], &p.stats)
	d := delegate{p}
	ml.Transport, ml.Delegate, ml.Events, ml.Ping, ml.Alive, ml.Conflict, ml.Merge = p.transport, d, d, d, d, d, d

	ip, port, err := p.transport.FinalAdvertiseAddr("", 0)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: Bind %q: %w", ErrConfig, cfg.Bind, err), p.transport.Shutdown())
	}
	p.addr = net.JoinHostPort(ip.String(), strconv.Itoa(port))
	p.spawn(p.deliver)
	p.spawn(p.announce)
	p.list, err = memberlist.Create(ml)
	if err != nil {
		p.stop()
		err = errors.Join(fmt.Errorf("lan: start %s: %w", cfg.Name, err), p.transport.Shutdown())
		p.wg.Wait()
		return nil, err
	}
	close(p.ready)
	return p, nil
}

// firstJoin tries the seeds once and tells refusal from silence.
func (p *Pool) firstJoin(ctx context.Context) error {
	if len(p.cfg.Seeds) == 0 {
		return nil
	}
	n, err := p.Join(ctx, p.cfg.Seeds)
	switch {
	case errors.Is(err, ErrNameTaken):
		return err
	case n > 0:
		return nil
	case errors.Is(err, ErrOtherDatacenter), errors.Is(err, ErrKey), errors.Is(err, ErrVersion):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if err != nil {
		p.log.Warn("no seed answers", "err", err)
	}
	return nil
}

// Addr is the "ip:port" that the other members use, with the port that was picked.
func (p *Pool) Addr() string { return p.addr }

// Members returns what this node believes about all members, itself included, at this moment. It allocates only after
// a change.
func (p *Pool) Members() *View { return p.roster.members() }

// HealthScore is how ill this node finds itself: 0 is well; every probe that fails for lack of any answer adds to it, up
// to 7, and every one that succeeds takes from it. A node that is not well should judge no one.
func (p *Pool) HealthScore() int { return p.list.GetHealthScore() }

// Stats returns the counters.
func (p *Pool) Stats() Stats { return p.stats.read() }

// Keyring is the encryption keys, to rotate them: install the new one everywhere, use it everywhere, remove the old one
// everywhere. Nil if the pool was started without keys. Safe for concurrent use.
func (p *Pool) Keyring() *memberlist.Keyring { return p.ml.Keyring }

// SetMeta changes what the others learn of this node, and returns before they have. Incarnation has to be that of Start
// (ErrConfig). ErrTooLarge if it does not fit: nothing has changed then. ErrClosed after Close.
func (p *Pool) SetMeta(m Meta) error {
	if m.Incarnation != p.cfg.Meta.Incarnation {
		return fmt.Errorf("%w: Incarnation %d, the pool was started with %d", ErrConfig, m.Incarnation,
			p.cfg.Meta.Incarnation)
	}
	b, err := card{Meta: m, datacenter: p.cfg.Datacenter, zone: p.cfg.Zone}.encode()
	if err != nil {
		return err
	}
	p.metaMu.Lock()
	defer p.metaMu.Unlock()
	if p.closing() {
		return ErrClosed
	}
	p.meta.Store(&b)
	// The news is queued before memberlist begins to wait for its spreading. The error is only that it gave up waiting.
	_ = p.list.UpdateNode(1)
	return nil
}

// ForceLeave forgets a departed member: it is in no View from now on, and the rejoin loop does not try it. This node
// alone forgets; memberlist has no word for it that others would understand, so whoever wants it forgotten everywhere
// has to call ForceLeave everywhere. A member that turns out to be alive is back. ErrUnknownMember, ErrAlive.
func (p *Pool) ForceLeave(name string) error {
	if err := p.roster.forget(name); err != nil {
		return fmt.Errorf("%w: %q", err, name)
	}
	return nil
}

// Leave tells the others that this node leaves, so that they see it as left and not as failed, and waits until enough
// of them were told, for 5 s or until ctx's deadline at most; then it is an error, though some will know. It stops
// rejoining, and goes on answering until Close. A second call does nothing. ErrClosed after Close.
func (p *Pool) Leave(ctx context.Context) error {
	p.leaveMu.Lock()
	defer p.leaveMu.Unlock()
	if p.closing() {
		return ErrClosed
	}
	if p.left {
		return nil
	}
	p.left = true
	p.depart()
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	// The word goes ahead of memberlist's message, and twice, since packets are lost; memberlist's queue is last in,
	// first out, so what is to be read first has to arrive well before.
	for range 2 {
		p.tellLeaving()
		pause := time.NewTimer(p.ml.GossipInterval)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
	}
	deadline, _ := ctx.Deadline()
	if err := p.list.Leave(max(time.Until(deadline), time.Millisecond)); err != nil {
		return fmt.Errorf("lan: leave: %w", err)
	}
	return nil
}

func (p *Pool) tellLeaving() {
	frame := p.frame(leavingFrame, []byte(p.id))
	for _, n := range p.Members().target {
		if n.Name != p.id {
			_ = p.list.SendBestEffort(n, frame) // A lost word costs the difference between left and failed.
		}
	}
}

// Close frees the sockets and waits for every goroutine of this package, so for callbacks that run and for a Leave.
// The others will see this node as failed, unless it has left. memberlist's own timers end by themselves, within a few
// probe intervals, and call nothing here any more. A second call does nothing.
func (p *Pool) Close() error {
	p.leaveMu.Lock()
	defer p.leaveMu.Unlock()
	if !p.stop() {
		return nil
	}
	err := p.list.Shutdown()
	p.wg.Wait()
	return err
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

func (p *Pool) closing() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}
