package balance

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Target is an instance to choose from.
type Target struct {
	// ID tells targets apart; what is known of one is kept under it.
	ID string
	// Zone is where it is.
	Zone string
	// Weight is its share relative to others; below 1 is 1.
	Weight int
	// Healthy is whether it may be chosen. One that may not counts as part of its zone.
	Healthy bool
}

// Outcome is how a request to a target ended.
type Outcome int

const (
	// Neutral says nothing about the target, as when the caller gave up.
	Neutral Outcome = iota
	// Success is an answer.
	Success
	// Failure is none, or one that says that the target is in trouble.
	Failure
)

// Config is how to choose. The zero Config is round robin over all healthy targets, with ejection.
type Config struct {
	Policy Policy
	// Zone is the caller's own: its targets are preferred as long as ZoneEnough of them can be chosen, from 0 to 1; 0 is
	// 0.5. Without a zone all are alike.
	Zone       string
	ZoneEnough float64
	Ejection   Ejection
	// Rand makes the choices of Random and TwoChoices, and where RoundRobin begins. Nil is a source of a fixed seed, which
	// is the same for every client: give one that is not. The Balancer owns it.
	Rand *rand.Rand
}

// Ejection takes targets that fail out for a time. The zero Ejection is on.
type Ejection struct {
	// Off ejects none.
	Off bool
	// Failures is how many in a row eject; 0 is 5.
	Failures int
	// Base is the first ejection's time, and the n-th lasts n times as long; 0 is 30 s. Max bounds it; 0 is 5 min.
	Base, Max time.Duration
}

// Balancer chooses among targets. The zero Balancer is not usable: see New.
type Balancer struct {
	cfg Config

	mu      sync.Mutex
	members map[string]*member
	all     []*member // by id
	usable  []*member // by id: those to choose from at the moment
	totals  []int     // sums of weights of usable, for Random
	until   time.Time // when usable has to be found anew; zero if nothing but a change does
	dirty   bool
	turn    int
}

// member is what is known of a target.
type member struct {
	Target
	outstanding int
	failures    int       // in a row
	ejections   int       // lately
	ejected     time.Time // until when; zero if it is not
	forgiven    time.Time // when an ejection is forgotten
	current     int       // of the smooth order
}

// New makes a balancer without targets.
func New(cfg Config) *Balancer {
	cfg.ZoneEnough = cmp.Or(cfg.ZoneEnough, 0.5)
	cfg.Ejection.Failures = cmp.Or(cfg.Ejection.Failures, 5)
	cfg.Ejection.Base = cmp.Or(cfg.Ejection.Base, 30*time.Second)
	cfg.Ejection.Max = cmp.Or(cfg.Ejection.Max, 5*time.Minute)
	if cfg.Rand == nil {
		cfg.Rand = rand.New(rand.NewPCG(1, 2)) //nolint:gosec // It spreads load and keeps no secret.
	}
	return &Balancer{cfg: cfg, members: map[string]*member{}, turn: cfg.Rand.IntN(1 << 20)}
}

// Update replaces the targets. Those that stay keep what is known of them; of two with one ID the first counts.
func (b *Balancer) Update(targets []Target) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.members
	b.members, b.all = make(map[string]*member, len(targets)), make([]*member, 0, len(targets))
	for _, t := range targets {
		if b.members[t.ID] != nil {
			continue
		}
		m := old[t.ID]
		if m == nil {
			m = &member{}
		}
		t.Weight = max(t.Weight, 1)
		m.Target = t
		b.members[t.ID] = m
		b.all = append(b.all, m)
	}
	slices.SortFunc(b.all, func(a, b *member) int { return cmp.Compare(a.ID, b.ID) })
	b.dirty = true
}

// Pick chooses a target for a request at that time, which must not go back; false if no target is healthy. Whoever picks
// reports the outcome.
func (b *Balancer) Pick(now time.Time) (Target, bool) { return b.PickBut(now) }

// PickBut is Pick for another try: it avoids the given targets, unless there are no others.
func (b *Balancer) PickBut(now time.Time, tried ...string) (Target, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dirty || !b.until.IsZero() && !now.Before(b.until) {
		b.renew(now)
	}
	if len(b.usable) == 0 {
		return Target{}, false
	}
	m := b.choose()
	if slices.Contains(tried, m.ID) {
		m = b.other(m, tried)
	}
	m.outstanding++
	return m.Target, true
}

// other is the next usable member that has not been tried, else any healthy one that has not, else m.
func (b *Balancer) other(m *member, tried []string) *member {
	at := slices.Index(b.usable, m)
	for i := range b.usable {
		if next := b.usable[(at+i)%len(b.usable)]; !slices.Contains(tried, next.ID) {
			return next
		}
	}
	for _, next := range b.all {
		if next.Healthy && !slices.Contains(tried, next.ID) {
			return next
		}
	}
	return m
}

// Report says how a request to a picked target ended. A target that is gone meanwhile does not matter.
func (b *Balancer) Report(now time.Time, id string, outcome Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.members[id]
	if m == nil {
		return
	}
	m.outstanding = max(m.outstanding-1, 0)
	switch outcome {
	case Success:
		m.failures = 0
	case Failure:
		if m.failures++; m.failures >= b.cfg.Ejection.Failures && !b.cfg.Ejection.Off {
			b.eject(now, m)
		}
	case Neutral:
	}
}

// Ejected are the ids of the targets that are not chosen at that time because they have failed, in order.
func (b *Balancer) Ejected(now time.Time) (ids []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.all {
		if m.Healthy && now.Before(m.ejected) {
			ids = append(ids, m.ID)
		}
	}
	return ids
}
