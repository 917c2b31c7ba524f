package wan

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/serf/serf"

	"github.com/musterhq/muster/gossip/host"
)

// label keeps the packets of this pool apart from those of the pool of a data centre, whose label has a slash.
const label = "muster-wan"

// eventsWaiting is how many of Serf's events wait. Serf sends them while it holds its lock, so they are only taken as a
// sign that something has changed.
const eventsWaiting = 256

// indirectChecks is how many others are asked about a gateway that does not answer. When two data centres are cut from each
// other, only those of a third can tell, and memberlist's 3 drawn at random often has none of them: then it looks failed.
const indirectChecks = 8

// serfConfig is what Serf is told, and opens the port.
func (p *Pool) serfConfig(ctx context.Context) (*serf.Config, <-chan serf.Event, error) {
	tags, err := p.tags()
	if err != nil {
		return nil, nil, err
	}
	lines := host.Lines(p.log)
	network := p.cfg.Transport
	if network == nil {
		s, err := host.Listen(ctx, host.Listening{
			Bind: p.cfg.Bind, Advertise: p.cfg.Advertise, Resolver: p.cfg.Resolver, Log: lines,
		})
		switch {
		case errors.Is(err, host.ErrAdvertise):
			return nil, nil, fmt.Errorf("%w: Bind %q %w", ErrConfig, p.cfg.Bind, err)
		case err != nil:
			return nil, nil, fmt.Errorf("%w on %s: %w", ErrBind, p.cfg.Bind, err)
		}
		network = s
	}
	p.port = newPort(network, p.times, p.log, &p.stats, p.acceptLink)

	m := p.times.base()
	m.Label, m.TCPTimeout, m.Transport, m.Logger, m.LogOutput = label, p.times.stream, p.port, lines, nil
	m.SecretKey, m.Keyring, m.IndirectChecks = nil, p.me.ring, indirectChecks
	// LZW costs 92 µs a packet and saves little in what Serf sends.
	m.EnableCompression = false
	// A name that is met at another address is a mark that two incarnations share, or a clone. Either may have the address
	// once the other is dead.
	m.DeadNodeReclaimTime = time.Second

	events := make(chan serf.Event, eventsWaiting)
	c := serf.DefaultConfig()
	c.NodeName, c.Tags, c.EventCh = p.self, tags, events
	c.MemberlistConfig, c.Logger, c.LogOutput = m, lines, nil
	c.BroadcastTimeout, c.LeavePropagateDelay = p.times.broadcast, 2*m.GossipInterval+time.Second
	c.ReconnectTimeout, c.TombstoneTimeout, c.ReconnectTimeoutOverride = p.cfg.Forget, p.cfg.Forget, p
	// The loser of Serf's vote on a name shuts itself down. Here a conflict is reported and nothing else.
	c.EnableNameConflictResolution, c.Merge = false, p
	// A node that left and is started again wants in, whatever its seeds.
	c.SnapshotPath, c.RejoinAfterLeave = p.snapshotPath(), true
	return c, events, nil
}

// snapshotPath is Config.SnapshotPath if it can be used. To start without the memory is better than not to start.
func (p *Pool) snapshotPath() string {
	path := p.cfg.SnapshotPath
	if path == "" {
		return ""
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600) //nolint:gosec // Where the operator wants it.
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		p.log.Warn("the snapshot of known gateways cannot be used; starting without it", "path", path, "err", err)
		return ""
	}
	return path
}

// drain takes Serf's events as fast as they come, until Serf has shut down.
func (p *Pool) drain(events <-chan serf.Event) {
	for {
		select {
		case <-events:
			signal(p.dirty)
		case <-p.serf.ShutdownCh():
			return
		}
	}
}

// watch keeps the view up to date.
func (p *Pool) watch() {
	for {
		select {
		case <-p.dirty:
			p.refresh()
		case <-p.done:
			return
		}
	}
}

// refresh makes a view of what Serf knows at this moment, and queues the events that lead there.
func (p *Pool) refresh() {
	p.viewMu.Lock()
	defer p.viewMu.Unlock()
	now := time.Now()
	var lives []life
	for _, m := range p.serf.Members() {
		if l, ok := readLife(m, now); ok {
			lives = append(lives, l)
		}
	}
	v, events, others := newView(p.view.Load(), p.self, lives)
	p.view.Store(v)
	for _, e := range events {
		p.tell(e)
	}
	for _, l := range others {
		p.suspectClash(l)
	}
	signal(p.steer)
}

// tell queues an event.
func (p *Pool) tell(e Event) {
	if p.cfg.OnEvent != nil {
		p.calls.Put(func() { p.cfg.OnEvent(e) })
	}
}

// NotifyMerge is Serf's question whether members may be taken in: one by one while it holds memberlist's lock, and all at
// once when two sides meet. Records that no gateway makes are refused one by one; a whole side is not kept out for one of
// them. It is exported because Serf's interface wants it so; nobody else may call it.
func (p *Pool) NotifyMerge(members []*serf.Member) error {
	for _, m := range members {
		c, err := readTags(m.Name, m.Tags)
		if err != nil {
			if len(members) > 1 || m.Status == serf.StatusLeft {
				continue
			}
			p.stats.malformed.Add(1)
			return fmt.Errorf("%w: %q", err, m.Name)
		}
		l, ok := readLife(*m, time.Time{})
		known, have := p.Members().lives[ID(c.datacenter, c.name)]
		if ok && have && known.State == StateAlive && known.serf == l.serf && known.Addr != l.Addr {
			p.reportClash(known.Member, l.Addr) // One life at two addresses: two nodes with one incarnation.
		}
	}
	return nil
}

// ReconnectTimeout is Serf's question how long a departed member is tried and remembered: not at all, once a later life of
// it is alive, which is often at the same address. It is exported because Serf's interface wants it so; nobody else may
// call it.
func (p *Pool) ReconnectTimeout(m *serf.Member, usual time.Duration) time.Duration {
	if l, ok := readLife(*m, time.Time{}); ok {
		if now, ok := p.Members().lives[l.ID()]; ok && now.serf != l.serf && now.State == StateAlive {
			return 0
		}
	}
	return usual
}

var (
	_ serf.MergeDelegate             = (*Pool)(nil)
	_ serf.ReconnectTimeoutOverrider = (*Pool)(nil)
)
