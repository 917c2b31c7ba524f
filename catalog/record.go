package catalog

import (
	"time"

	"github.com/musterhq/muster/catalog/causal"
)

// Kind says which of an instance's registers a Record is a value of.
type Kind uint8

// The registers of an instance. Values are part of the wire format.
const (
	// KindRegistration holds the body that the client gave.
	KindRegistration Kind = iota
	// KindLease holds what the home says: itself, the reported status, preservation.
	KindLease
	// KindOverride holds the operator's decision.
	KindOverride
	// KindChecks holds what the checks of the instance have found. It outlives a registration that replaces another: what
	// was found of a check counts as long as there is one of that id.
	KindChecks
	kinds
)

// Valid reports whether k is one of the kinds there are.
func (k Kind) Valid() bool { return k < kinds }

// Deletion says why a register holds nothing any more. Values are part of the wire format.
type Deletion uint8

const (
	// Alive is not deleted: the zero value.
	Alive Deletion = iota
	// Deregistered: the client, or an operator, asked for it. It stays deleted whoever thinks otherwise.
	Deregistered
	// Evicted: a node judged the lease to have expired. A home that holds a live lease knows better and re-asserts it.
	Evicted
	// Cleared: an override was taken back, or a register was left over without its registration.
	Cleared
	deletions
)

// Valid reports whether d is one of the deletions there are.
func (d Deletion) Valid() bool { return d < deletions }

// Lease is what an instance's home says of it.
type Lease struct {
	// Home is the node that holds the lease, "datacenter/name".
	Home string
	// Status is the reported status.
	Status Status
	// Preserved says that the lease has expired and self-preservation keeps it; LastRenewal is then the home's wall
	// time of the last renewal.
	Preserved   bool
	LastRenewal time.Time
}

// Override is an operator's decision about an instance.
type Override struct {
	// Status takes the place of the reported one.
	Status Status
	// Reason is for people; it may be empty.
	Reason string
}

// Checks are what the checks of an instance have found.
type Checks struct{ Results []CheckResult }

// Record is one value of one register: the unit that is stamped, spread and merged. Immutable once stamped; shared
// between catalogs by those who simulate many in one process. 136 bytes, of a size class of 144.
type Record struct {
	Key   Key
	Stamp causal.Stamp
	// Wall is the writer's wall time in milliseconds since 1970, for people to read. It orders nothing.
	Wall int64
	Kind Kind
	// Deletion is Alive, or makes the record a tombstone; then none of the following is set.
	Deletion Deletion
	// Override is the body for KindOverride.
	Override *Override
	// Registration is the body, for KindRegistration; its Home is the node that took it and its Status the first one.
	Registration *Instance
	// Lease is the body for KindLease.
	Lease *Lease
	// Checks is the body for KindChecks.
	Checks *Checks
}

// Deleted reports whether the record is a tombstone.
func (r *Record) Deleted() bool { return r.Deletion != Alive }

// Private reports whether the record stays in the data centre of its writer. The dot says so, and no byte of the body.
func (r *Record) Private() bool { return r.Stamp.Dot.Origin.IsPrivate() }

// slots are the registers of one instance, nil where never written or forgotten.
type slots [kinds]*Record

// live is the record in the register unless it is missing or a tombstone.
func (s *slots) live(k Kind) *Record {
	if r := s[k]; r != nil && !r.Deleted() {
		return r
	}
	return nil
}

func (s *slots) empty() bool { return *s == slots{} }

// isAway reports whether the instance is in a data centre that cannot be reached.
func isAway(away map[string]time.Time, i *Instance) bool {
	if len(away) == 0 {
		return false
	}
	_, is := away[i.Datacenter]
	return is
}

// plain is the registration's own body where nothing else has a word in what the instance is.
func (s *slots) plain(away map[string]time.Time) (inst *Instance, ok bool) {
	reg := s.live(KindRegistration)
	if reg == nil || isAway(away, reg.Registration) || s.live(KindLease) != nil || s.live(KindOverride) != nil || len(reg.Registration.Checks) > 0 {
		return nil, reg == nil
	}
	return reg.Registration, true
}

// instance is what the registers say together: nil without a live registration. Where neither lease nor override add
// anything it is the registration's own body, so that the usual instance is held once. In a data centre that is away it is
// preserved, since then.
func (s *slots) instance(away map[string]time.Time) *Instance {
	reg := s.live(KindRegistration)
	if reg == nil {
		return nil
	}
	lease, over := s.live(KindLease), s.live(KindOverride)
	if lease != nil && !lease.Stamp.Wins(reg.Stamp) {
		lease = nil
	}
	if lease == nil && over == nil && len(reg.Registration.Checks) == 0 && !isAway(away, reg.Registration) {
		return reg.Registration
	}
	i := *reg.Registration
	if lease != nil {
		l := lease.Lease
		i.Home, i.Status, i.Preserved, i.LastRenewal = l.Home, l.Status, l.Preserved, l.LastRenewal
	}
	if len(i.Checks) > 0 {
		var found []CheckResult
		if checks := s.live(KindChecks); checks != nil {
			found = checks.Checks.Results
		}
		i.Results = resultsOf(i.Checks, found)
	}
	i.claimed = i.Status
	i.Status = i.Reported()
	if since, is := away[i.Datacenter]; is && !i.Preserved {
		i.Preserved, i.LastRenewal = true, since
	}
	if over != nil {
		i.Status, i.Override, i.OverrideReason = over.Override.Status, over.Override.Status, over.Override.Reason
	}
	return &i
}
