package muster

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/check"
)

// CheckRun is a check that has to be run; see Replica.TakeRuns.
type CheckRun = check.Run

// CheckReport is a client's word about one of its TTL checks.
type CheckReport struct {
	Key    Key
	Check  string // its id
	Status CheckStatus
	Output string
}

// TakeRuns is the checks that are to be run, in the order in which they became due. The caller runs all of them and
// answers each by Ran, whatever comes of it.
func (r *Replica) TakeRuns() []CheckRun {
	runs := r.runs
	r.runs = nil
	return runs
}

// Ran takes what a run has found. CheckNone is that this node could not run it, which changes nothing.
func (r *Replica) Ran(at Moment, run CheckRun, status CheckStatus, output string) {
	r.begin(at)
	r.checks.Ran(r.at, run.Key, run.Check.ID, run.Token, status, output)
	r.end()
}

// Report takes a client's report of a TTL check, at any node: the home counts it, another node passes it on, or becomes
// the home if that is gone. ErrNotFound if there is no such instance or check, ErrNotTTL if nobody has to report it.
func (r *Replica) Report(at Moment, rep CheckReport) error {
	inst := r.cat.Current(rep.Key)
	if inst == nil || inst.Datacenter != r.cfg.Datacenter {
		return ErrNotFound
	}
	i := slices.IndexFunc(inst.Checks, func(c Check) bool { return c.ID == rep.Check })
	switch {
	case i < 0:
		return ErrNotFound
	case inst.Checks[i].TTL == 0:
		return ErrNotTTL
	}
	r.begin(at)
	defer r.end()
	switch {
	case inst.Home == r.id:
	case r.peers.alive(inst.Home):
		if planted != "a report is not passed to the home" {
			r.passReport(rep, inst.Home)
		}
		return nil
	default:
		r.take(inst)
		inst = r.cat.Current(rep.Key)
		r.hold(inst) // What follows needs the check to be here.
	}
	r.reported(inst, rep)
	return nil
}

// ReportForwarded is reports that peers pass on because this node is the home. What is not held here is left alone.
func (r *Replica) ReportForwarded(at Moment, reports []CheckReport) {
	r.begin(at)
	for _, rep := range reports {
		if inst := r.cat.Current(rep.Key); inst != nil {
			r.reported(inst, rep)
		}
	}
	r.end()
}

// reported counts a report here. Those of an instance without a lease of its own are its renewals.
func (r *Replica) reported(inst *Instance, rep CheckReport) {
	if r.checks.Report(r.at, rep.Key, rep.Check, rep.Status, rep.Output) != nil || !inst.Permanent {
		return // Of a check that a newer registration does not have, or that is not held here.
	}
	if n := r.leases.Renew(r.at.Mono, rep.Key); n.Known {
		r.renewed(rep.Key, n)
	} else if inst.Home == r.id {
		r.grant(inst, false)
	}
}

// passReport plans to tell another node of a report.
func (r *Replica) passReport(rep CheckReport, to string) {
	r.gather()
	r.reports[to] = append(r.reports[to], rep)
}

// passReports sends reports to their homes.
func (r *Replica) passReports() {
	for _, to := range slices.Sorted(maps.Keys(r.reports)) {
		r.out = append(r.out, Outbound{To: to, Reports: r.reports[to]})
	}
	clear(r.reports)
}

// watch brings the checks that run here in line with an instance that this node holds.
func (r *Replica) watch(inst *Instance) {
	if len(inst.Checks) == 0 {
		r.checks.Drop(inst.Key())
		return
	}
	r.checks.Put(r.at, inst.Key(), inst.Permanent, inst.Checks, inst.Results)
}

// leased reports whether an instance has a lease: its own, or, where it has none, that which the reports of its TTL checks
// make, as long as they are not known to have stopped.
func (r *Replica) leased(inst *Instance) bool {
	return !inst.Permanent || check.ShortestTTL(inst.Checks) > 0 && !r.checks.Lapsed(inst.Key())
}

// leaseTTL is how long an instance's lease lasts.
func leaseTTL(inst *Instance) time.Duration {
	if inst.Permanent {
		return check.ShortestTTL(inst.Checks)
	}
	return inst.TTL
}

// lapse is the verdict that the reports of a permanent instance have stopped: its checks are critical, and it stays.
func (r *Replica) lapse(inst *Instance, reason string) {
	key := inst.Key()
	r.tell(NodeEventEviction, key.String(), "its TTL checks are critical: %s", reason)
	r.checks.Lapse(r.at, key)
	if inst.Preserved {
		r.take(inst)
	}
}

// tend sees to what the checks have to do, and reports whether anything was written. A node that has not caught up writes
// nothing.
func (r *Replica) tend() bool {
	r.checks.Tick(r.at)
	if !r.checks.Pending() {
		return false
	}
	for _, run := range r.checks.Runs() {
		if run.Check.Alias == "" {
			r.runs = append(r.runs, run)
			continue
		}
		status, output := r.repeat(run.Key, run.Check.Alias)
		r.checks.Ran(r.at, run.Key, run.Check.ID, run.Token, status, output)
	}
	if !r.boot.ready {
		return false
	}
	wrote := false
	for _, w := range r.checks.Writes() {
		if planted == "what a check found is not written" && catalog.Worst(w.Results) == CheckCritical {
			continue
		}
		r.wrote(r.cat.SetChecks(r.at, w.Key, w.Results))
		wrote = true
	}
	for _, rem := range r.checks.Removals() {
		r.tell(NodeEventEviction, rem.Key.String(), "deregistered: its check %s has been critical for %v", rem.Check, rem.After.Round(time.Second))
		r.checks.Drop(rem.Key)
		r.remove(rem.Key, catalog.Evicted)
		wrote = true
	}
	return wrote
}

// repeat is what an alias check finds: how the instances of that id are, without their own aliases, so that two that
// repeat each other do not hold each other down.
func (r *Replica) repeat(own Key, id string) (CheckStatus, string) {
	worst, output := CheckNone, ""
	for _, svc := range r.serviceKeys() {
		if svc.Namespace != own.Namespace {
			continue
		}
		inst := r.cat.Current(Key{Namespace: svc.Namespace, Service: svc.Service, ID: id})
		if inst == nil || inst.Key() == own {
			continue
		}
		if s, why := r.condition(inst); s > worst {
			worst, output = s, why
		}
	}
	if worst == CheckNone {
		return CheckCritical, fmt.Sprintf("There is no instance %s to repeat the checks of.", id)
	}
	return worst, output
}

// condition is one instance's state, as a check would have it.
func (r *Replica) condition(inst *Instance) (CheckStatus, string) {
	name := inst.Service + "/" + inst.ID
	if inst.Override != StatusNone && inst.Override != StatusUp {
		return CheckCritical, fmt.Sprintf("An operator has taken %s out: %s", name, inst.Override)
	}
	if s := inst.Claimed(); s != StatusUp {
		return CheckCritical, fmt.Sprintf("%s is %s.", name, s)
	}
	worst := CheckPassing
	for i := range inst.Results {
		if inst.Checks[i].Alias == "" {
			worst = max(worst, inst.Results[i].Status)
		}
	}
	return worst, fmt.Sprintf("The worst check of %s is %s.", name, worst)
}

// refuseScripts is the error of a registration that has a script run where that is not allowed, nil if it has none.
func (r *Replica) refuseScripts(inst *Instance) error {
	if r.cfg.Scripts {
		return nil
	}
	var bad []FieldError
	for i := range inst.Checks {
		if len(inst.Checks[i].Script) > 0 {
			bad = append(bad, FieldError{
				Field: "checks[" + strconv.Itoa(i) + "].script", Problem: "is not allowed: script checks are not enabled at this node",
			})
		}
	}
	if bad == nil {
		return nil
	}
	return &InvalidError{Fields: bad}
}

// unlease is for an instance homed here that has no lease, now or any more: nothing is kept for its silence.
func (r *Replica) unlease(inst *Instance) {
	key := inst.Key()
	delete(r.marked, key)
	r.drop(key)
	if inst.Preserved {
		r.take(inst)
	}
}

// inherit makes this node the home of a permanent instance whose home is gone. No renewal will ever come to move it, and
// its checks have to go on.
func (r *Replica) inherit(inst *Instance) {
	if r.boot.ready && !r.quiet && planted != "an heir leaves permanent instances alone" {
		r.take(inst)
	}
}

// planInheritance looks for permanent instances whose homes went while this node could not take them.
func (r *Replica) planInheritance() {
	if len(r.kept) > 0 {
		r.heirs.moved, r.heirs.planned, r.heirs.due, r.heirs.rest = true, true, r.at.Mono+heirsDelay, nil
	}
}
