package wan

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/musterhq/muster/gossip/host"
)

const (
	// rejoinAtOnce is how many missed gateways are tried at a time.
	rejoinAtOnce = 2
	// proxyPause is how long a seed is left alone that took us in but is no gateway's address: a load balancer, which
	// would otherwise be joined for ever.
	proxyPause = 5 * time.Minute
	// lonelyPause bounds the pause of a gateway that has seeds and has never seen another: whole clusters are started at
	// once, and the first to try finds nobody listening yet.
	lonelyPause = 500 * time.Millisecond
	// seedPause is how often a seed that does not answer is complained about.
	seedPause = 5 * time.Minute
)

// seedState is what the loop remembers of one seed.
type seedState struct {
	joined     time.Time // last time it took us in although no gateway has its address
	complained time.Time
	addrs      []string // what it resolved to last
}

// rejoinLoop brings back what a cut took away, until the pool leaves or closes. Serf's own reconnect tries one failed
// gateway each 30 s, by chance, and no seed ever.
func (p *Pool) rejoinLoop(ctx context.Context) {
	seeds := map[string]*seedState{}
	for _, s := range p.cfg.seeds() {
		seeds[s] = &seedState{}
	}
	for {
		pause := p.cfg.RejoinMin + rand.N(p.cfg.RejoinMax-p.cfg.RejoinMin+1) //nolint:gosec // Only to keep gateways apart.
		if len(seeds) > 0 && len(p.Members().All()) == 1 {
			pause = min(pause, lonelyPause)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		p.rejoinMissed(ctx)
		p.rejoinSeeds(ctx, seeds)
		p.refresh() // Serf's snapshot drops events when it is busy.
	}
}

// rejoinMissed joins random gateways that have failed, of as many data centres as can be: after a cut between data
// centres all of one may be missed while none of another is.
func (p *Pool) rejoinMissed(ctx context.Context) {
	byDC := map[string][]string{}
	for _, m := range p.Members().All() {
		if m.State == StateFailed {
			byDC[m.Datacenter] = append(byDC[m.Datacenter], m.Addr)
		}
	}
	var addrs []string
	for _, missed := range byDC {
		rand.Shuffle(len(missed), func(i, j int) { missed[i], missed[j] = missed[j], missed[i] }) //nolint:gosec // To spread load.
		addrs = append(addrs, missed[:min(len(missed), rejoinAtOnce)]...)
	}
	p.stats.rejoinTries.Add(uint64(len(addrs)))
	for _, r := range p.tryAll(ctx, addrs) {
		p.stats.rejoins.Add(uint64(r.joined))
		if r.err != nil {
			p.log.Debug("rejoin failed", "peer", r.seed, "err", r.err)
		}
	}
}

// rejoinSeeds joins the seeds that this gateway does not see among the members. Each counts by itself: after a cut each
// side may see its own seeds, and gateways that joined meanwhile do not remember those of the other side.
func (p *Pool) rejoinSeeds(ctx context.Context, seeds map[string]*seedState) {
	view, now := p.Members(), time.Now()
	alone := len(view.Alive()) <= 1
	seen := map[string]bool{p.addr: true}
	for _, m := range view.Alive() {
		seen[m.Addr] = true
	}
	var missed []string
	for _, s := range p.cfg.seeds() {
		st := seeds[s]
		switch {
		case slices.ContainsFunc(p.peek(ctx, s, st), func(a string) bool { return seen[a] }):
		case !alone && !st.joined.IsZero() && now.Sub(st.joined) < proxyPause:
		default:
			missed = append(missed, s)
		}
	}
	p.stats.rejoinTries.Add(uint64(len(missed)))
	for _, r := range p.tryAll(ctx, missed) {
		st := seeds[r.seed]
		p.stats.rejoins.Add(uint64(r.joined))
		if r.joined > 0 {
			st.joined, st.complained = now, time.Time{}
			continue
		}
		if r.err != nil && now.Sub(st.complained) >= seedPause {
			st.complained = now
			p.log.Warn("seed cannot be joined", "peer", r.seed, "err", r.err)
		}
	}
}

// peek is the seed's addresses now. When the lookup fails those of the last time have to do.
func (p *Pool) peek(ctx context.Context, seed string, st *seedState) []string {
	if addrs, err := host.Resolve(ctx, p.cfg.Resolver, seed); err == nil {
		st.addrs = addrs
	}
	return st.addrs
}
