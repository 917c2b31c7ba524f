package check

import (
	"strings"
	"time"

	"github.com/musterhq/muster/catalog"
)

// Next is when Tick has something to do; false if never, as things are.
func (m *Machine) Next() (time.Duration, bool) {
	if len(m.queue.heap) == 0 {
		return 0, false
	}
	return m.queue.heap[0].at, true
}

// Tick does what is due: it starts runs, expires what has not been reported, writes outputs that have waited, and removes
// instances that have been critical for too long.
func (m *Machine) Tick(at catalog.Moment) {
	for {
		p := m.queue.due(at.Mono)
		if p == nil {
			return
		}
		if p.next <= at.Mono {
			m.run(p)
		}
		if p.deadline <= at.Mono {
			m.missed(at, p)
		}
		if p.removal() <= at.Mono {
			m.removals = append(m.removals, Removal{
				Key: p.of.key, Check: p.check.ID, Status: p.status, After: at.Mono - p.bad,
			})
			p.bad = at.Mono // Should nobody remove it, it is asked for again.
		}
		if p.deferred <= at.Mono {
			m.mark(at, p.of)
		}
		m.arm(p)
	}
}

func (m *Machine) run(p *probe) {
	if p.token != 0 && p.kind != "alias" {
		p.next = never // Ran sets it.
		return
	}
	m.token++
	p.token = m.token
	due := p.next
	p.next = never
	m.runs = append(m.runs, Run{Key: p.of.key, Check: p.check, Token: p.token, Failing: p.failing})
	if p.kind != "alias" {
		p.next = due + p.check.Interval
	}
}

// Ran is what came of a run: CheckNone if nothing did, because this node may not run it. A token that is not that of the
// run under way changes nothing.
func (m *Machine) Ran(at catalog.Moment, key catalog.Key, id string, token uint64, status catalog.CheckStatus, output string) {
	p := m.find(key, id)
	if p == nil || token == 0 || p.token != token {
		return
	}
	p.token = 0
	c := p.check
	if p.kind != "alias" && (p.next == never || p.next < at.Mono) {
		p.next = round(at.Mono) // It took longer than an interval.
	}
	defer m.arm(p)
	if status == catalog.CheckNone {
		return
	}
	p.failing = status == catalog.CheckCritical
	if p.failing {
		p.successes = 0
		p.failures++
		switch warn := threshold(c.FailuresBeforeWarning, c.FailuresBeforeCritical); {
		case p.failures >= threshold(c.FailuresBeforeCritical, 1):
		case p.failures >= warn:
			status = catalog.CheckWarning
		default:
			status = catalog.CheckNone
		}
	} else {
		p.failures = 0
		if p.successes++; p.successes < c.SuccessBeforePassing {
			status = catalog.CheckNone
		}
	}
	if status != catalog.CheckNone {
		m.found(at, p, status, output)
	}
}

// threshold is n, or the other if n is not given.
func threshold(n, other int) int {
	if n > 0 {
		return n
	}
	return max(other, 1)
}

// Report is a client's own word about a TTL check. It restarts the check's clock and, for an instance that is judged by
// its reports, is its renewal. The error is ErrUnknown or ErrNotTTL.
func (m *Machine) Report(at catalog.Moment, key catalog.Key, id string, status catalog.CheckStatus, output string) error {
	p := m.find(key, id)
	switch {
	case p == nil:
		return ErrUnknown
	case p.kind != "ttl":
		return ErrNotTTL
	}
	in := p.of
	in.heard, in.lapsed = at.Mono, false
	p.overdue = false
	p.deadline = at.Mono + p.check.TTL
	for _, q := range in.probes {
		if q.overdue { // Nobody could be heard until now: this one has a whole TTL to be heard too.
			q.overdue, q.deadline = false, at.Mono+q.check.TTL
			m.arm(q)
		}
	}
	m.found(at, p, status, output)
	m.arm(p)
	return nil
}

// missed is a TTL check that has not been reported in time. While no report of its instance comes at all, the lease says
// what that means.
func (m *Machine) missed(at catalog.Moment, p *probe) {
	p.deadline = never
	in := p.of
	if in.judged && !in.lapsed && at.Mono-in.heard >= in.shortest && planted != "mass silence turns TTL checks critical" {
		p.overdue = true
		return
	}
	m.expire(at, p)
}

func (m *Machine) expire(at catalog.Moment, p *probe) {
	output := expired
	switch {
	case strings.HasPrefix(p.output, expired):
		output = p.output // It has expired before, at this node or another.
	case p.output != "":
		output += " (last output before timeout follows): " + p.output
	}
	m.found(at, p, catalog.CheckCritical, output)
	p.observed = false
}

// expired is the output of a TTL check that has not been reported in time. Clients match on it.
const expired = "TTL expired"

// Lapse is the verdict on an instance that is judged by its reports: its lease has expired, and it is not this node that
// stopped hearing. What is overdue becomes critical, and so does what will be, until the next report.
func (m *Machine) Lapse(at catalog.Moment, key catalog.Key) {
	in := m.instances[key]
	if in == nil {
		return
	}
	in.lapsed = true
	for _, p := range in.probes {
		if p.overdue || p.kind == "ttl" && p.deadline <= at.Mono {
			p.overdue, p.deadline = false, never
			m.expire(at, p)
			m.arm(p)
		}
	}
}

// Refresh starts the clocks of all reports afresh: this node was stopped, and could not hear.
func (m *Machine) Refresh(at catalog.Moment) {
	for _, in := range m.instances { // The order does not matter: nothing is put out.
		in.heard = at.Mono
		for _, p := range in.probes {
			if p.deadline != never {
				p.deadline = at.Mono + p.check.TTL
			}
		}
	}
	m.rearm()
}

// rearm sets all timers, in an order that does not depend on a map's.
func (m *Machine) rearm() {
	all := make([]*probe, 0, len(m.queue.heap))
	for _, t := range m.queue.heap {
		all = append(all, t.probe)
	}
	for _, p := range all {
		m.arm(p)
	}
}

// Changed says that something has become of the instances with an id in a namespace: the checks that repeat theirs are
// run again.
func (m *Machine) Changed(at catalog.Moment, namespace, id string) {
	if len(m.aliases) == 0 {
		return
	}
	for _, p := range m.aliases[target{namespace, id}] {
		p.next = at.Mono
		m.arm(p)
	}
}

// found is a result that counts.
func (m *Machine) found(at catalog.Moment, p *probe, status catalog.CheckStatus, output string) {
	output = catalog.CutOutput(output, limit(p.check))
	p.observed = true
	if status != catalog.CheckCritical {
		p.bad = never
	} else if p.bad == never {
		p.bad = at.Mono
	}
	if status != p.status {
		p.since = at.Wall.UTC().Truncate(time.Millisecond) // As on the wire.
	}
	p.status, p.output = status, output
	m.compare(at, p, p.written)
}

// compare plans to write what a record does not say yet.
func (m *Machine) compare(at catalog.Moment, p *probe, record catalog.CheckResult) {
	p.written = record
	switch {
	case !p.observed:
		m.adopt(at, p, record)
	case p.status != record.Status || p.output != record.Output && at.Mono-p.wrote >= OutputEvery:
		m.mark(at, p.of)
	case p.output == record.Output:
		p.deferred = never
	case p.deferred == never:
		p.deferred = p.wrote + OutputEvery
		m.arm(p)
	}
}

// adopt takes over what someone else has found, and this node has not.
func (m *Machine) adopt(at catalog.Moment, p *probe, record catalog.CheckResult) {
	heard := p.kind == "ttl" && p.status == catalog.CheckCritical && record.Status != catalog.CheckCritical
	p.status, p.output, p.since = record.Status, record.Output, record.Since
	if !heard {
		return
	}
	p.bad, p.overdue, p.of.lapsed = never, false, false
	p.deadline, p.of.heard = at.Mono+p.check.TTL, at.Mono
	m.arm(p)
}

// mark plans to write all results of an instance.
func (m *Machine) mark(at catalog.Moment, in *instance) {
	for _, p := range in.probes {
		if p.output != p.written.Output {
			p.wrote = at.Mono
		}
		p.written, p.deferred = p.result(), never
	}
	if !in.dirty {
		in.dirty = true
		m.dirty = append(m.dirty, in)
	}
}

func (m *Machine) find(key catalog.Key, id string) *probe {
	if in := m.instances[key]; in != nil {
		for _, p := range in.probes {
			if p.check.ID == id {
				return p
			}
		}
	}
	return nil
}

// limit is how much of a check's output is kept.
func limit(c *catalog.Check) int {
	if c.OutputMax > 0 {
		return min(c.OutputMax, catalog.MaxOutput)
	}
	return catalog.DefaultOutput
}
