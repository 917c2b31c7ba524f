package world

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/musterhq/muster"
)

// TargetPlan is a permanent instance with one health check: probed by its home, or, with a TTL, reported by its client.
type TargetPlan struct {
	Service, ID string
	Place       int
	Start       time.Duration
	// Interval is the time between two runs, or between two reports. TTL makes it a TTL check.
	Interval, TTL time.Duration
	// Spells are when it is not passing, in order and apart.
	Spells []Spell
	// Quiet and Loud are when its reports stop, and when they go on.
	Quiet, Loud time.Duration
	// After is its check's DeregisterAfter.
	After time.Duration
}

// Spell is a time in which a target is not passing.
type Spell struct {
	From, To time.Duration
	Status   muster.CheckStatus
}

// drawTargets draws the instances with checks of a schedule, from chance of their own.
func (p *Plan) drawTargets() {
	r := rng(p.Seed, "targets/"+p.Scenario, 0)
	if p.Bulk || p.Scenario == "large" || r.IntN(2) == 0 {
		return
	}
	for i := range 3 + r.IntN(14) {
		t := TargetPlan{
			Service: "t" + strconv.Itoa(r.IntN(2)), ID: "t" + strconv.Itoa(i), Place: r.IntN(p.Nodes),
			Start: between(r, 3*time.Second, 8*time.Second), Interval: between(r, time.Second, 5*time.Second).Round(time.Millisecond),
		}
		if r.IntN(2) == 0 {
			t.TTL = (3 * t.Interval).Round(time.Millisecond)
			if r.IntN(3) == 0 {
				t.Quiet = between(r, 12*time.Second, p.Safety)
				t.Loud = between(r, t.Quiet, p.Safety+10*time.Second)
			}
		}
		for at := t.Start; r.IntN(3) > 0; {
			s := Spell{From: between(r, at, p.Safety), Status: muster.CheckWarning}
			if s.To = between(r, s.From, p.Safety); r.IntN(3) == 0 {
				s.To = 1 << 60 // To the end.
			}
			if r.IntN(3) > 0 {
				s.Status = muster.CheckCritical
			}
			t.Spells = append(t.Spells, s)
			if at = s.To; at > p.Safety {
				break
			}
		}
		if r.IntN(5) == 0 {
			t.After = time.Second // Taken for a minute.
		}
		p.Targets = append(p.Targets, t)
	}
	if r.IntN(3) == 0 { // Many fall silent together.
		at := between(r, 15*time.Second, p.Safety)
		for i := range p.Targets {
			if t := &p.Targets[i]; t.TTL > 0 && r.IntN(4) > 0 {
				t.Quiet, t.Loud = at, between(r, at, p.Safety+10*time.Second)
			}
		}
	}
}

// target is one of them, and the account that the world keeps of it.
type target struct {
	w      *World
	plan   *TargetPlan
	key    muster.Key
	server int
	rand   *rand.Rand
	acked  time.Duration // when a registration was acknowledged last
	gone   bool          // somebody has seen it deregistered, as its check asks for
}

func (w *World) addTarget(i int) {
	p := &w.plan.Targets[i]
	t := &target{
		w: w, plan: p, server: p.Place, rand: rng(w.plan.Seed, "target", i),
		key: muster.Key{Namespace: muster.DefaultNamespace, Service: p.Service, ID: p.ID},
	}
	w.targets = append(w.targets, t)
	w.target[t.key] = t
}

// truth is how the target is, and since when it has been so.
func (t *target) truth() (status muster.CheckStatus, since time.Duration) {
	status, since = muster.CheckPassing, t.plan.Start
	for _, s := range t.plan.Spells {
		switch now := t.w.now; {
		case now >= s.To:
			since = s.To
		case now >= s.From:
			status, since = s.Status, s.From
		}
	}
	return status, since
}

// quiet reports whether it sends no reports, and since when that has been so.
func (t *target) quiet() (is bool, since time.Duration) {
	switch now := t.w.now; {
	case t.plan.TTL == 0 || t.plan.Quiet == 0 || now < t.plan.Quiet:
		return false, t.plan.Start
	case now < t.plan.Loud:
		return true, t.plan.Quiet
	default:
		return false, t.plan.Loud
	}
}

// start registers the target and then lets its client look after it, as those do that know that a registry may lose them:
// it reports, or asks whether it is still known, and registers again if it is not.
func (t *target) start() {
	w := t.w
	var tend func()
	tend = func() {
		if w.phase == aging || t.gone {
			return
		}
		t.tend()
		w.after(t.plan.Interval+between(t.rand, -t.plan.Interval/16, t.plan.Interval/16), tend)
	}
	tend()
}

// tend talks to the first node that answers.
func (t *target) tend() {
	if is, _ := t.quiet(); is && t.acked > 0 {
		return
	}
	w := t.w
	first, count := w.plan.span(t.plan.Place)
	for range count {
		n := w.nodes[t.server]
		if n.runs() && n.ready && w.net.clear(t.plan.Place, n.place) && w.net.clear(n.place, t.plan.Place) {
			t.talk(n)
			return
		}
		t.server = first + (t.server-first+1+t.rand.IntN(max(count-1, 1)))%count
	}
}

func (t *target) talk(n *node) {
	inst, _ := n.rep.Catalog().Get(t.key)
	if inst == nil {
		if t.acked > 0 && t.plan.After > 0 {
			t.gone = true
			return
		}
		t.register(n)
	}
	if t.plan.TTL == 0 {
		return
	}
	status, _ := t.truth()
	err := n.rep.Report(n.moment(), muster.CheckReport{Key: t.key, Check: "c", Status: status, Output: status.String()})
	if t.w.out != nil {
		t.w.note(n.name, "report of %s, %s: %v", t.key.ID, status, err)
	}
	if inst, _ = n.rep.Catalog().Get(t.key); inst != nil && inst.Home == n.id {
		n.hears(t.key)
	}
	t.w.settle(n)
}

func (t *target) register(n *node) {
	c := muster.Check{ID: "c", TTL: t.plan.TTL, DeregisterAfter: t.plan.After}
	if c.TTL == 0 {
		c.TCP, c.Interval, c.Timeout = "10.0.0.2:80", t.plan.Interval, targetTimeout
	}
	_, created, err := n.rep.Register(n.moment(), &muster.Instance{
		Service: t.plan.Service, ID: t.plan.ID, Address: "10.0.0.2", Permanent: true, Zone: "targets", Checks: []muster.Check{c},
	}, false)
	if err != nil {
		t.w.fail("anytime_valid_registrations_are_taken", "target %s at %s: %v", t.key, n.name, err)
		return
	}
	t.acked = t.w.now
	t.w.note(n.name, "registers the target %s, new %v", t.key.ID, created)
	n.granted(t.key)
	n.hears(t.key)
	t.w.settle(n)
}

// targetTimeout is how long a run waits for an answer.
const targetTimeout = 800 * time.Millisecond

// check runs a check from a node: the target answers how it is, as long as packets pass both ways.
func (w *World) check(n *node, run muster.CheckRun) {
	w.stats.Runs++
	answer := func(d time.Duration, status muster.CheckStatus) {
		w.soon(n, d, func() { w.checked(n, run, status) })
	}
	t := w.target[run.Key]
	there, back := between(w.asking, w.net.weather.Min, w.net.weather.Mean*2), between(w.asking, w.net.weather.Min, w.net.weather.Mean*2)
	if t == nil || !w.net.clear(n.place, t.plan.Place) {
		answer(targetTimeout, muster.CheckCritical)
		return
	}
	w.after(there, func() {
		status, _ := t.truth()
		if !n.up || !w.net.clear(t.plan.Place, n.place) {
			answer(targetTimeout-there, muster.CheckCritical)
			return
		}
		answer(back, status)
	})
}

// checked is the end of a run.
func (w *World) checked(n *node, run muster.CheckRun, status muster.CheckStatus) {
	if w.out != nil {
		w.note(n.name, "checked %s: %s", run.Key.ID, status)
	}
	w.mix(uint64(status) + 57)
	if status != muster.CheckCritical {
		n.well[run.Key] = w.now
	}
	n.rep.Ran(n.moment(), run, status, status.String())
	w.settle(n)
}

// reports hands reports that a peer passes on to a replica.
func (w *World) reports(n *node, reports []muster.CheckReport) {
	if w.out != nil {
		w.note(n.name, "receives %d reports", len(reports))
	}
	n.rep.ReportForwarded(n.moment(), reports)
	for _, p := range reports {
		n.hears(p.Key)
		if p.Status != muster.CheckCritical {
			n.well[p.Key] = w.now
		}
	}
	w.settle(n)
}
