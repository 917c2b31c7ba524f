package muster

import (
	"maps"
	"slices"

	"github.com/musterhq/muster/gossip/spread"
	"github.com/musterhq/muster/selfpreserve"
)

// Scopes is self-preservation as it stands, scope by scope, for those who drive a Replica themselves.
func (r *Replica) Scopes() []selfpreserve.Scope { return r.leases.Scopes() }

// Away is the other data centres that have instances and cannot be reached, as this replica sees it, by name.
func (r *Replica) Away() []string { return slices.Sorted(maps.Keys(r.wan.away)) }

// Traffic is what the replication engine has counted, and what it holds.
func (r *Replica) Traffic() spread.Stats { return r.spread.Stats() }
