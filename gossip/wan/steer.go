package wan

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// endings is the links that broke since the steering loop last looked. It is small: one a peer.
type endings struct {
	mu  sync.Mutex
	all map[string]*link
}

// Store remembers the latest link to a peer that ended.
func (e *endings) Store(peer string, l *link) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.all == nil {
		e.all = map[string]*link{}
	}
	e.all[peer] = l
}

func (e *endings) take() map[string]*link {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.all
	e.all = nil
	return all
}

// dialled is what became of a dial.
type dialled struct {
	gateway
	err error
}

// steerLoop does what the chooser decides, whenever something has changed, until the pool closes. It is the only user of
// its state.
func (p *Pool) steerLoop() {
	c := newChooser(p.ID(), p.cfg.Datacenter, p.times.choice)
	dialing := map[string]bool{}
	results := make(chan dialled, maxDatacenters) // One a data centre at a time, so that nobody waits for a reader.
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-p.steer:
		case <-timer.C:
		case r := <-results:
			delete(dialing, r.dc)
			if r.err != nil {
				c.failed(r.life, time.Now())
				p.log.Debug("link cannot be dialled", "peer", r.id, "err", r.err)
			}
		case <-p.done:
			return
		}
		now := time.Now()
		for _, l := range p.ended.take() {
			if l.life != "" {
				c.failed(l.life, now)
			}
		}
		v := p.Members()
		all := p.links.list()
		plan := c.decide(now, p.gateways(v), p.held(v, all), dialing)
		for _, g := range plan.dial {
			if len(dialing) < maxDatacenters && p.spawn(func() { results <- dialled{g, p.dialLink(g, v)} }) {
				dialing[g.dc] = true
			}
		}
		for _, d := range plan.drop {
			if l := p.links.get(d.peer); l != nil {
				l.shut(d.reason)
			}
		}
		timer.Stop()
		if !plan.next.IsZero() {
			timer.Reset(max(time.Until(plan.next), time.Millisecond))
		}
		signal(p.retag)
	}
}

// gateways is those that the chooser may count on: alive and not about to leave.
func (p *Pool) gateways(v *View) []gateway {
	var gs []gateway
	for _, m := range v.all {
		l := v.lives[m.ID()]
		if l.State != StateAlive || l.leaving || m.ID() == p.ID() && p.staying.Err() != nil {
			continue
		}
		g := gateway{id: m.ID(), dc: m.Datacenter, life: l.serf, marks: map[string]bool{}}
		for _, k := range l.marks {
			g.marks[k] = true
		}
		gs = append(gs, g)
	}
	return gs
}

func (p *Pool) held(v *View, all []*link) []held {
	hs := make([]held, 0, len(all))
	for _, l := range all {
		hs = append(hs, held{peer: l.peer, dc: l.dc, life: v.lives[l.peer].serf, since: l.since})
	}
	return hs
}

// dialLink opens a link to a gateway, or says why not.
func (p *Pool) dialLink(g gateway, v *View) error {
	m, ok := v.Get(g.id)
	if !ok {
		return ErrUnreachable
	}
	conn, err := p.port.dial(memberlist.Address{Addr: m.Addr, Name: g.life}, p.times.dial)
	if err != nil {
		p.stats.dialsFailed.Add(1)
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	s, err := p.me.dialSession(conn, g.id, m.Addr, p.times.handshake)
	if err != nil {
		_ = conn.Close()
		p.stats.dialsFailed.Add(1)
		p.countRefusal(err, g.id)
		return err
	}
	p.adopt(s, g.life, true)
	return nil
}

// acceptLink makes a link of a stream that began with a preface. It runs on the stream's own goroutine.
func (p *Pool) acceptLink(conn *tracked) {
	s, err := p.me.acceptSession(conn, p.times.handshake, p.admit)
	if err != nil {
		_ = conn.Close()
		p.countRefusal(err, conn.RemoteAddr().String())
		return
	}
	conn.settle()
	p.adopt(s, p.Members().lives[s.peer].serf, false)
}

// admit says what is wrong with a stream from that gateway; empty if nothing is.
func (p *Pool) admit(from preface) string {
	switch {
	case from.datacenter == p.cfg.Datacenter:
		return "both are of the data centre " + from.datacenter
	case from.datacenter > p.cfg.Datacenter:
		return p.cfg.Datacenter + " dials to " + from.datacenter + ", not the other way round"
	case p.staying.Err() != nil:
		return "this gateway is leaving"
	case !p.links.room(from.id()):
		return "there are too many links"
	default:
		return ""
	}
}

// countRefusal counts a stream that became no link, and complains about those that an operator has to do something about,
// at most once a minute.
func (p *Pool) countRefusal(err error, peer string) {
	switch {
	case errors.Is(err, ErrKey):
		p.stats.wrongKey.Add(1)
	case errors.Is(err, ErrVersion), errors.Is(err, ErrRefused):
		p.stats.refused.Add(1)
	case errors.Is(err, ErrMalformed):
		p.stats.malformed.Add(1)
	default:
		return
	}
	now := time.Now().UnixNano()
	if last := p.complained.Load(); now-last >= int64(complaintPause) && p.complained.CompareAndSwap(last, now) {
		p.log.Warn("stream became no link", "peer", peer, "err", err)
	}
}

// complaintPause is how often streams that became no link are complained about.
const complaintPause = time.Minute

// repeats is how often the tags are told again, after pauses that double. Gossip reaches members drawn at random, so that
// of 9 gateways some one does not hear of one change in 30 until an exchange of state up to a minute later (measured), and
// until then waits for a gateway that has no link any more. The news costs little, and links change rarely.
const repeats = 2

// tagLoop tells the others which links this gateway holds, until it leaves. The news is rate limited: a link that flaps
// must not fill everyone's packets. told is what they know already.
func (p *Pool) tagLoop(told map[string]string) {
	left, pause := repeats, p.times.announce // The first tags went out with the join, and may have been missed as well.
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		again := false
		select {
		case <-p.retag:
		case <-timer.C:
			again = left > 0
		case <-p.staying.Done():
			return
		}
		tags, err := p.tags()
		switch {
		case err != nil:
			p.log.Warn("tags do not fit", "err", err)
			continue
		case !maps.Equal(tags, told):
			told = maps.Clone(tags) // The other is Serf's from now on.
			left, pause = repeats, p.times.announce
		case again:
			left, pause = left-1, 2*pause
		default:
			continue
		}
		// The error is only that Serf gave up waiting for the news to be passed on.
		_ = p.serf.SetTags(tags)
		select {
		case <-time.After(p.times.announce):
		case <-p.staying.Done():
			return
		}
		timer.Reset(pause)
	}
}
