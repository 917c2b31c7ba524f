package check

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/musterhq/muster/catalog"
)

const (
	// OutputEvery is how often an output is written that changes while the status stays.
	OutputEvery = 5 * time.Minute
	// MinDeregister is the least DeregisterAfter: what is shorter is taken for it.
	MinDeregister = time.Minute
	// grain is what run times are rounded up to, so that ten thousand checks do not wake their node ten thousand times.
	grain = 20 * time.Millisecond
)

var (
	// ErrUnknown is a report for a check that the instance does not have. Nothing has changed.
	ErrUnknown = errors.New("check: no such check")
	// ErrNotTTL is a report for a check that the node runs itself. Nothing has changed.
	ErrNotTTL = errors.New("check: not a TTL check")
)

// Run is a check that has to be run now. It is answered by Ran, with its token, whatever comes of it.
type Run struct {
	Key   catalog.Key
	Check *catalog.Check // Shared: do not change it.
	Token uint64
	// Failing says that the latest run failed: this one may take as long as it is allowed to.
	Failing bool
}

// Write is the results of an instance's checks, to be written: all of them, in the order of the checks.
type Write struct {
	Key     catalog.Key
	Results []catalog.CheckResult
}

// Removal is an instance that has been critical for as long as one of its checks allows.
type Removal struct {
	Key    catalog.Key
	Check  string
	Status catalog.CheckStatus
	After  time.Duration
}

// Machine is every check that one node runs or waits for, see the package's documentation. It is told what happens and
// what time it is; what is to be done waits until it is taken. The zero Machine is not usable: see New.
type Machine struct {
	rand      *rand.Rand
	instances map[catalog.Key]*instance
	aliases   map[target][]*probe // by what they repeat, in the order of Put
	queue     timers
	token     uint64

	runs     []Run
	dirty    []*instance
	removals []Removal
}

// target is what an alias repeats: an instance id in a namespace.
type target struct{ namespace, id string }

// instance is the checks of one instance.
type instance struct {
	key    catalog.Key
	defs   []catalog.Check
	probes []*probe
	// judged says that missing reports are judged as a lease: see Lapse. lapsed is that verdict, until the next report.
	judged, lapsed bool
	shortest       time.Duration // TTL among the checks, 0 without one
	heard          time.Duration // when any report came last
	dirty          bool
	gone           bool
}

// probe is one check and what is known of it.
type probe struct {
	of    *instance
	check *catalog.Check
	kind  string
	timer timer

	status   catalog.CheckStatus
	output   string
	since    time.Time
	observed bool // there has been a result here: not that reports are missing, which they may not be elsewhere
	written  catalog.CheckResult
	wrote    time.Duration // when written was

	successes, failures int
	failing             bool // the latest run failed, whatever the thresholds make of it

	token    uint64        // of the run under way, 0 if there is none
	next     time.Duration // run
	deadline time.Duration // of the next report
	overdue  bool          // waits for Lapse
	deferred time.Duration // when an output that has changed is written
	bad      time.Duration // since when it is critical, by an observation
}

// never is a time that does not come.
const never = time.Duration(1<<63 - 1)

// New makes a machine without checks. The Rand is its own from then on.
func New(r *rand.Rand) *Machine {
	return &Machine{
		rand: r, instances: make(map[catalog.Key]*instance), aliases: make(map[target][]*probe),
	}
}

// Len is how many instances have checks here.
func (m *Machine) Len() int { return len(m.instances) }

// Put says that this node runs the checks of an instance from now on, or that it goes on to, and what its record says of
// them. A check that is defined as before keeps its clock and what it has found: if the record says something else, it is
// written again. A new one starts from the record's result, and so does one whose reports are missing here: another node,
// which was its home meanwhile, may have had them. judged makes the reports of its TTL checks its lease, see
// Lapse. checks and results are shared and not changed; results has one for each check.
func (m *Machine) Put(at catalog.Moment, key catalog.Key, judged bool, checks []catalog.Check, results []catalog.CheckResult) {
	in := m.instances[key]
	if in == nil {
		in = &instance{key: key}
		m.instances[key] = in
	}
	in.judged = judged
	if !sameSlice(in.defs, checks) {
		m.define(at, in, checks, results)
	}
	in.defs = checks // Equal, and the next time one and the same.
	if in.dirty {
		return // What is about to be written is newer.
	}
	for i, p := range in.probes {
		m.compare(at, p, results[i])
	}
}

// define replaces the definitions of an instance, and keeps what is known of those that stay.
func (m *Machine) define(at catalog.Moment, in *instance, checks []catalog.Check, results []catalog.CheckResult) {
	old := in.probes
	in.defs, in.probes = checks, make([]*probe, len(checks))
	in.shortest, in.heard = ShortestTTL(checks), at.Mono
	for i := range checks {
		c := &checks[i]
		was := slices.IndexFunc(old, func(p *probe) bool { return p != nil && p.check.ID == c.ID && same(p.check, c) })
		if was < 0 {
			in.probes[i] = m.start(at, in, c, results[i])
			continue
		}
		in.probes[i], old[was] = old[was], nil
		in.probes[i].check = c
	}
	for _, p := range old {
		if p != nil {
			m.end(p)
		}
	}
	in.lapsed = in.allCritical()
}

// start begins one check.
func (m *Machine) start(at catalog.Moment, in *instance, c *catalog.Check, r catalog.CheckResult) *probe {
	p := &probe{
		of: in, check: c, kind: c.Type(), status: r.Status, output: r.Output, since: r.Since, written: r,
		next: never, deadline: never, deferred: never, bad: never, timer: timer{place: -1},
		successes: c.SuccessBeforePassing, failures: max(c.FailuresBeforeCritical, c.FailuresBeforeWarning),
	}
	p.timer.probe = p
	p.wrote = at.Mono - OutputEvery
	if r.Output != "" {
		p.wrote += time.Duration(m.rand.Int64N(int64(OutputEvery))) // So that an heir does not write all at once.
	}
	switch p.kind {
	case "ttl":
		p.deadline = at.Mono + c.TTL
	case "alias":
		p.next = at.Mono
		t := target{in.key.Namespace, c.Alias}
		m.aliases[t] = append(m.aliases[t], p)
	default:
		p.next = round(at.Mono + time.Duration(m.rand.Int64N(int64(max(c.Interval, 1)))))
	}
	m.arm(p)
	return p
}

// end forgets one check.
func (m *Machine) end(p *probe) {
	m.queue.remove(&p.timer)
	if p.kind != "alias" {
		return
	}
	t := target{p.of.key.Namespace, p.check.Alias}
	m.aliases[t] = slices.DeleteFunc(m.aliases[t], func(q *probe) bool { return q == p })
	if len(m.aliases[t]) == 0 {
		delete(m.aliases, t)
	}
}

// Drop says that this node does not run the checks of an instance any more. What comes of runs under way is ignored.
func (m *Machine) Drop(key catalog.Key) {
	in := m.instances[key]
	if in == nil {
		return
	}
	delete(m.instances, key)
	in.gone = true
	for _, p := range in.probes {
		m.end(p)
	}
}

// Pending reports whether there is something to take.
func (m *Machine) Pending() bool { return len(m.runs)+len(m.dirty)+len(m.removals) > 0 }

// Runs takes the checks that are to be run, in the order in which they became due.
func (m *Machine) Runs() []Run {
	runs := m.runs
	m.runs = nil
	return runs
}

// Writes takes the results that are to be written, in the order in which the first of each changed.
func (m *Machine) Writes() []Write {
	var out []Write
	for _, in := range m.dirty {
		if in.dirty = false; in.gone {
			continue
		}
		w := Write{Key: in.key, Results: make([]catalog.CheckResult, len(in.probes))}
		for i, p := range in.probes {
			w.Results[i] = p.result()
		}
		out = append(out, w)
	}
	m.dirty = m.dirty[:0]
	return out
}

// Removals takes the instances that have been critical for too long.
func (m *Machine) Removals() []Removal {
	out := m.removals
	m.removals = nil
	return out
}

// Alive reports whether this node has seen by itself that an instance lives: at least one check of it has had a result
// here, and none is critical.
func (m *Machine) Alive(key catalog.Key) bool {
	in := m.instances[key]
	if in == nil {
		return false
	}
	seen := false
	for _, p := range in.probes {
		seen = seen || p.observed
		if p.status == catalog.CheckCritical {
			return false
		}
	}
	return seen
}

// Lapsed reports whether the reports of an instance are known to have stopped: it needs no lease until the next one.
func (m *Machine) Lapsed(key catalog.Key) bool {
	in := m.instances[key]
	return in != nil && in.lapsed
}

// Judged reports whether the reports of an instance are its lease.
func (m *Machine) Judged(key catalog.Key) bool {
	in := m.instances[key]
	return in != nil && in.judged && in.shortest > 0
}

func (p *probe) result() catalog.CheckResult {
	return catalog.CheckResult{ID: p.check.ID, Status: p.status, Output: p.output, Since: p.since}
}

// allCritical reports whether there is nothing that a missing report could change.
func (in *instance) allCritical() bool {
	for _, p := range in.probes {
		if p.kind == "ttl" && p.status != catalog.CheckCritical {
			return false
		}
	}
	return true
}

// ShortestTTL is the shortest TTL of checks, 0 if none has one: how long the lease of an instance lasts whose reports are
// its renewals.
func ShortestTTL(checks []catalog.Check) time.Duration {
	shortest := time.Duration(0)
	for i := range checks {
		if ttl := checks[i].TTL; ttl > 0 && (shortest == 0 || ttl < shortest) {
			shortest = ttl
		}
	}
	return shortest
}

func round(t time.Duration) time.Duration { return (t + grain - 1).Truncate(grain) }

// earliest is when p has to be looked at.
func (p *probe) earliest() time.Duration {
	return min(p.next, p.deadline, p.deferred, p.removal())
}

// removal is when the instance has been critical for long enough to go.
func (p *probe) removal() time.Duration {
	after := p.check.DeregisterAfter
	if after <= 0 || p.bad == never {
		return never
	}
	if planted == "a critical instance goes at once" {
		return p.bad + time.Second
	}
	return p.bad + max(after, MinDeregister)
}

func (m *Machine) arm(p *probe) {
	m.queue.set(&p.timer, p.earliest())
}

// order is that of timers: by time, then as they were set.
func order(a, b *timer) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.seq, b.seq)) }
