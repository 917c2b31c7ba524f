package world

import (
	"fmt"
	"strings"
	"time"
)

// Plan is one schedule, complete: what there is, what goes wrong when, and what is done meanwhile. It is made by Generate
// from a seed and may be made smaller, see Shrink; the same Plan is always the same run.
type Plan struct {
	Seed     uint64
	Scenario string
	// Nodes is how many nodes there are, Zones how many zones they are spread over, Datacenter where.
	Nodes, Zones int
	Datacenter   string
	// Sites is how many of the nodes each data centre has, dc1 and so on, in order; nil for one data centre. Gateways is how
	// many of each are gateways, the first ones.
	Sites, Gateways []int
	// Dead are nodes that stay away in the end: they are not part of the core that has to recover.
	Dead []int
	// Drift is each node's monotonic clock, Wrong its wall clock, Disk whether it has one.
	Drift []float64
	Wrong []time.Duration
	Disk  []bool
	// Boot is a wall clock that every life of a node starts with, for machines without a clock of their own; else 0.
	Frozen []bool

	Net     Weather
	Clients []ClientPlan
	Targets []TargetPlan
	Faults  []Fault
	Ops     []Op

	// Safety is how long faults go on; then comes liveness: everything is repaired and has to recover. Aging follows in
	// some schedules: tombstones and origins have to go.
	Safety time.Duration
	Aging  bool
	// Tombstone and Origin are the ages, shorter than the product's so that schedules need not take days.
	Tombstone, Origin time.Duration
	// Private says that some instances are not for other data centres.
	Private bool
	// Late says that messages may be delayed for longer than tombstones are held.
	Late bool
	// Bulk makes registrations so large that a sync takes more than one message.
	Bulk bool
	// Codec sends every message through the wire format.
	Codec bool
	// Fickle clients renew at a random node each time, as behind a load balancer.
	Fickle bool
}

// Weather is how the network is at a time.
type Weather struct {
	// Min and Mean are the one-way delay.
	Min, Mean time.Duration
	// Loss, Duplicate, Replay and Late are the shares of packets that are lost, arrive twice, arrive again up to Again
	// later, or are delayed by up to Again.
	Loss, Duplicate, Replay, Delayed float64
	Again                            time.Duration
}

// ClientPlan is one client, and the instance that it registers.
type ClientPlan struct {
	Service, ID   string
	TTL, Interval time.Duration
	// Place is the node next to which it runs: a cut between nodes cuts it off as well. With Embedded it lives in it.
	Place    int
	Embedded bool
	Start    time.Duration
	// Stop, if not 0, is when it stops: without a word if Crash, else by deregistering. Back, if not 0, is when it returns.
	Stop, Back time.Duration
	Crash      bool
	// Hang and Hung are when it stops to renew, and when it goes on. Meanwhile its process is there and listens.
	Hang, Hung time.Duration
	// Off leaves the client out, without changing the numbers of the others.
	Off bool
}

// FaultKind is a way in which things go wrong.
type FaultKind uint8

// The kinds of faults.
const (
	Cut FaultKind = iota
	OneWay
	Isolate
	Clog
	Swizzle
	Storm
	Hours
	CrashDisk
	CrashLost
	CrashStale
	Pause
	Slow
	ClockStep
	DiskFull
	Leave
	Twin
	Suspect
	CutPair
	CutDatacenter
	CrashGateway
	Overflow
	faultKinds
)

// FaultKinds is how many kinds there are.
const FaultKinds = faultKinds

var faultNames = [faultKinds]string{
	"cut", "one-way cut", "isolation", "clog", "swizzle", "storm", "delays of hours", "crash", "crash without disk",
	"crash with stale snapshot", "pause", "slow node", "clock step", "full disk", "leave", "two of one name",
	"false suspicion", "cut of two data centres", "cut of a data centre", "crash of a gateway", "overflow of a link",
}

// String is the kind in words.
func (k FaultKind) String() string { return faultNames[k] }

// Fault is one thing that goes wrong, from At for as long as For.
type Fault struct {
	Kind    FaultKind
	At, For time.Duration
	// Node is the one it happens to; Side, as a bit mask of nodes, one side of a cut.
	Node int
	Side uint64
	// Far is a node of the other data centre.
	Far int
	// Step is by how much a clock is set, or how long packets may be delayed.
	Step time.Duration
	// Share is a share of packets, or of observers.
	Share float64
	// Salt makes the fault's own choices.
	Salt uint64
}

// String is the fault in a line.
func (f Fault) String() string {
	s := fmt.Sprintf("%s at %v for %v", f.Kind, f.At.Round(time.Millisecond), f.For.Round(time.Millisecond))
	switch f.Kind {
	case Cut, OneWay, Swizzle:
		s += fmt.Sprintf(", side %b", f.Side)
	case CutPair:
		s += fmt.Sprintf(", those of n%d and n%d", f.Node+1, f.Far+1)
	case CutDatacenter, CrashGateway:
		s += fmt.Sprintf(", that of n%d", f.Node+1)
	case Storm, Hours:
		s += fmt.Sprintf(", share %.2f, up to %v", f.Share, f.Step.Round(time.Second))
	case ClockStep:
		s += fmt.Sprintf(", node n%d by %v", f.Node+1, f.Step)
	default:
		s += fmt.Sprintf(", node n%d", f.Node+1)
	}
	return s
}

// OpKind is something that is done to the registry.
type OpKind uint8

// The kinds of operations.
const (
	OpOverride OpKind = iota
	OpClear
	OpPatch
	OpReregister
	OpStatus
	opKinds
)

var opNames = [opKinds]string{"override", "clear override", "patch metadata", "register again", "report status"}

// String is the kind in words.
func (k OpKind) String() string { return opNames[k] }

// Op is one thing that an operator or a client does to the instance of a client, at a node.
type Op struct {
	Kind   OpKind
	At     time.Duration
	Client int
	Node   int
}

// String is the operation in a line.
func (o Op) String() string {
	return fmt.Sprintf("%s of client %d at n%d at %v", o.Kind, o.Client, o.Node+1, o.At.Round(time.Millisecond))
}

// String is the plan in a few lines.
func (p *Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, scenario %s: %d nodes in %d zones, %d clients, %d operations, %d faults, safety %v, tombstones %v",
		p.Seed, p.Scenario, p.Nodes, p.Zones, len(p.Clients), len(p.Ops), len(p.Faults), p.Safety, p.Tombstone)
	if p.wide() {
		fmt.Fprintf(&b, "\n  data centres of %v nodes, %v of them gateways, private instances %v", p.Sites, p.Gateways, p.Private)
	}
	for _, f := range p.Faults {
		b.WriteString("\n  fault: " + f.String())
	}
	for _, o := range p.Ops {
		b.WriteString("\n  op: " + o.String())
	}
	for i := range p.Clients {
		c := &p.Clients[i]
		if c.Off {
			continue
		}
		fmt.Fprintf(&b, "\n  client %d: %s/%s near n%d, TTL %v, every %v, from %v", i, c.Service, c.ID, c.Place+1, c.TTL, c.Interval, c.Start)
		if c.Embedded {
			b.WriteString(", embedded")
		}
		if c.Stop > 0 {
			fmt.Fprintf(&b, ", stops at %v (crash %v), back at %v", c.Stop, c.Crash, c.Back)
		}
		if c.Hang > 0 {
			fmt.Fprintf(&b, ", hangs from %v to %v", c.Hang, c.Hung)
		}
	}
	for i := range p.Targets {
		t := &p.Targets[i]
		fmt.Fprintf(&b, "\n  target %s/%s near n%d, TTL %v, every %v, from %v, spells %v, quiet from %v to %v, after %v",
			t.Service, t.ID, t.Place+1, t.TTL, t.Interval, t.Start, t.Spells, t.Quiet, t.Loud, t.After)
	}
	return b.String()
}
