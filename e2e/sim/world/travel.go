package world

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster"
)

// Way is how an operation list travels.
type Way string

// The ways. What an operation list does to one node alone is what it must do to all others.
const (
	OneNode     Way = "one node"
	ThreeNodes  Way = "three nodes"
	CutAndHeal  Way = "three nodes, cut and healed midway"
	DeltasOnly  Way = "deltas only"
	SyncOnly    Way = "anti-entropy only"
	Restart     Way = "a restart midway"
	NoTombstone Way = "tombstones collected at once"
)

// Ways is all of them.
func Ways() []Way {
	return []Way{OneNode, ThreeNodes, CutAndHeal, DeltasOnly, SyncOnly, Restart, NoTombstone}
}

// ErrApart is a cluster whose nodes do not hold the same in the end.
var ErrApart = errors.New("sim: the nodes do not hold the same")

// Travel applies the operation list of a seed in one of the ways, and returns what one then sees, as text. Every operation
// is done at a node that knows of the one before: lists that are done concurrently have no one outcome.
func Travel(seed uint64, way Way) (string, error) {
	p := &Plan{
		Seed: seed, Scenario: string(way), Datacenter: "dc1", Nodes: 3, Zones: 1, Tombstone: time.Hour,
		Drift: make([]float64, 3), Wrong: make([]time.Duration, 3), Disk: []bool{true, true, true}, Frozen: make([]bool, 3),
		Net: Weather{Min: 200 * time.Microsecond, Mean: time.Millisecond},
	}
	switch way {
	case OneNode:
		p.Nodes = 1
	case NoTombstone:
		p.Tombstone = time.Nanosecond
	default:
	}
	w := New(p, nil)
	w.deltasOnly, w.syncOnly = way == DeltasOnly, way == SyncOnly
	for _, n := range w.nodes {
		w.start(n, nil)
	}
	w.run(5 * time.Second)
	ops := rng(seed, "list", 0)
	var cut [][2]int
	const steps = 15
	at := 0
	for step := range steps {
		switch {
		case way == CutAndHeal && step == steps/3:
			cut = w.between(1<<2, true)
			w.net.closeAll(cut)
			at = 0
		case way == CutAndHeal && step == 2*steps/3:
			w.net.reopenAll(cut)
			w.run(w.now + 40*time.Second)
		case way == Restart && step == steps/2:
			n := w.nodes[2]
			w.save(n)
			w.crash(n)
			w.run(w.now + 20*time.Second)
			w.start(n, n.snapshot())
			w.run(w.now + 20*time.Second)
		}
		kind, who := OpKind(ops.IntN(int(opKinds)+2)), ops.IntN(6)
		isCut := len(cut) > 0 && step < 2*steps/3
		if draw := ops.IntN(3); p.Nodes > 1 && !isCut {
			at = draw
		}
		w.apply(w.nodes[at], kind, who, step)
		if way == NoTombstone {
			w.run(w.now + 31*time.Second) // The next round of chores collects it.
		} else {
			w.run(w.now + 4*time.Second)
		}
	}
	w.run(w.now + 30*time.Second)
	first := w.nodes[0].visible()
	for _, n := range w.nodes {
		if got := n.visible(); got != first {
			return "", fmt.Errorf("%w: %s has\n%s%s has\n%s", ErrApart, w.nodes[0].name, first, n.name, got)
		}
	}
	if w.failure != nil {
		return "", w.failure
	}
	return first, nil
}

// apply does one operation of a list.
func (w *World) apply(n *node, kind OpKind, who, step int) {
	key := muster.Key{Namespace: muster.DefaultNamespace, Service: "s" + strconv.Itoa(who%2), ID: "i" + strconv.Itoa(who)}
	now := n.moment()
	value := strconv.Itoa(step)
	switch kind { // What is refused, because there is no such instance, is refused everywhere.
	case OpOverride:
		_ = n.rep.SetOverride(now, key, muster.StatusOutOfService, "")
	case OpClear:
		_ = n.rep.SetOverride(now, key, muster.StatusNone, "")
	case OpPatch:
		_ = n.rep.PatchMetadata(now, key, map[string]*string{"step": &value})
	case OpStatus:
		_ = n.rep.Deregister(now, key)
	default:
		_, _, err := n.rep.Register(now, &muster.Instance{
			Service: key.Service, ID: key.ID, Address: "10.0.0.1", Port: 80, TTL: time.Hour, Metadata: map[string]string{"registered": value},
		}, false)
		if err != nil {
			w.fail("anytime_valid_registrations_are_taken", "%v", err)
		}
	}
	w.settle(n)
}

// visible is what a client sees at a node, less the homes and times that differ from way to way.
func (n *node) visible() string {
	var b strings.Builder
	b.WriteString("catalog:\n")
	for _, v := range n.rep.Catalog().Services().Services {
		for _, inst := range v.Instances() {
			keys := make([]string, 0, len(inst.Metadata))
			for k, v := range inst.Metadata {
				keys = append(keys, k+"="+v)
			}
			slices.Sort(keys)
			fmt.Fprintf(&b, "%s %s %s %v preserved %v\n", inst.Key(), inst.Status, inst.Override, keys, inst.Preserved)
		}
	}
	return b.String()
}
