package world

import "time"

// Stats is what happened in a run.
type Stats struct {
	Events, Packets, Streams, Bytes             uint64
	Lost, Duplicated, Delayed, Replayed         uint64
	Fresh, Repeated, Syncs, SyncsFailed, Wanted uint64
	Ops, Evictions, Twins, Refused              int
	// Asked is how many kept instances were tried to connect to, Dead how many of these attempts were refused.
	Asked, Dead int
	// Across is how often a write was looked for in another data centre.
	Across int
	// Runs is how many health checks were run.
	Runs   int
	Faults map[FaultKind]int
	// Converged is how long after the repair the core agreed for the first time.
	Converged time.Duration
	// Virtual is how long the run was.
	Virtual time.Duration
	Nodes   int
}

// Result is the end of a run.
type Result struct {
	Plan  *Plan
	Stats Stats
	// Trace is a hash of everything that happened, in order.
	Trace uint64
	// Failure is what a checker found; nil if none did.
	Failure *Failure
}

// tally adds what a replica has counted, at its end.
func (w *World) tally(n *node) {
	t := n.rep.Traffic()
	s := &w.stats
	s.Fresh += t.Fresh
	s.Repeated += t.Duplicates
	s.Syncs += t.Syncs
	s.SyncsFailed += t.SyncsFailed
	s.Wanted += t.Wanted
}

func (w *World) result() *Result {
	for _, n := range w.nodes {
		if n.up {
			w.tally(n)
		}
	}
	w.stats.Virtual, w.stats.Nodes = w.now, w.plan.Nodes
	return &Result{Plan: w.plan, Stats: w.stats, Trace: w.trace, Failure: w.failure}
}

// Run makes the world of a plan and runs it.
func Run(p *Plan) *Result { return New(p, nil).Run() }
