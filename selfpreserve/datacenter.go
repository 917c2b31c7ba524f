package selfpreserve

import "time"

// Datacenter is what the caller knows of the leases and nodes of its data centre, of which this node sees only a part. A
// value; negative numbers count as 0.
type Datacenter struct {
	// Unclaimed is the number of leases of dead homes that no one has renewed or adopted, and Registrations that of all
	// leases of the data centre. Embedded instances belong to neither: they die with their node.
	Unclaimed, Registrations int
	// DeadNodes is the number of members that failed without leaving, and Nodes that of all members, dead ones included.
	DeadNodes, Nodes int
}

// datacenter is the scope of inherited leases. They come in two kinds with a rule each: those of services that were
// merely registered at the dead home, and those of instances that were embedded in it.
type datacenter[K comparable] struct {
	scope[K]
	facts Datacenter
	kinds [2]kind
}

// kind is the leases of one kind, and whether they are held.
type kind struct {
	live, lost int
	hold
	interval time.Duration // longest expected interval since there was none
}

func (l *lease[K]) kind() int {
	if l.embedded {
		return 1
	}
	return 0
}

// SetDatacenter tells the Keeper how its data centre is doing. It matters to inherited leases, and only once one of them
// is overdue here: until then clients have had no chance to be adopted, and nothing can be said.
func (k *Keeper[K]) SetDatacenter(now Instant, d Datacenter) {
	k.arrive(now)
	k.dc.facts = Datacenter{max(d.Unclaimed, 0), max(d.Registrations, 0), max(d.DeadNodes, 0), max(d.Nodes, 0)}
	k.touch(&k.dc.scope)
	k.settle()
}

// count adds d for l. Evicted leases are the caller's to count.
func (d *datacenter[K]) count(l *lease[K], n counts) {
	g := &d.kinds[l.kind()]
	g.live += int(n.live)
	g.lost += int(n.lost)
	g.interval = max(g.interval, l.interval)
	if g.live == 0 && !g.held {
		g.interval = 0
	}
}

// blocked reports whether l is held.
func (d *datacenter[K]) blocked(l *lease[K]) bool { return d.kinds[l.kind()].held }

// judge brings both holds up to date. One dead node is a crash, and its embedded instances are dead; two or more that
// are too many of the members are a cut.
func (d *datacenter[K]) judge(now Instant, r rule) verdict {
	f := d.facts
	v := verdict{clear: never, of: ofHomes, lost: f.Unclaimed, total: f.Registrations}
	causes := [2]bool{
		d.kinds[0].lost > 0 && r.forbids(f.Unclaimed, f.Registrations),
		d.kinds[1].lost > 0 && f.DeadNodes >= 2 && r.exceeded(f.DeadNodes, f.Nodes),
	}
	for i := range d.kinds {
		g := &d.kinds[i]
		v.interval = max(v.interval, g.interval)
		v.ended = g.update(causes[i], now, max(g.interval, 1)) || v.ended
		if g.held {
			v.held, v.clear = true, min(v.clear, g.clear)
		}
		v.tripped = v.tripped || causes[i]
	}
	if causes[1] && !causes[0] {
		v.of, v.lost, v.total = ofNodes, f.DeadNodes, f.Nodes
	}
	return v
}
