package world

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/wire"
	"github.com/musterhq/muster/gossip/spread"
)

// node is one machine: a replica, its clocks, its disk, and what it knows of the other members.
type node struct {
	w     *World
	index int // among the nodes
	site  int // the number of its data centre
	place int // where it stands: its twin stands elsewhere
	name  string
	id    string
	zone  string
	rand  *rand.Rand

	rep         *muster.Replica
	up          bool
	left        bool // it said goodbye
	life        int  // counts the lives of this machine; a closure of an earlier life does nothing
	started     time.Duration
	incarnation uint64
	clock       clock
	paused      bool
	pausedAt    time.Duration
	backlog     []func()
	slow        time.Duration
	ready       bool

	hasDisk  bool
	diskFull bool
	disk     *wire.Snapshot
	old      *wire.Snapshot // one that was written earlier

	ticking  time.Duration // when the next tick is planned
	flushing bool
	view     []peerView
	score    int
	suspects map[int]bool
	heard    map[muster.Key]hearing       // of the leases that it holds
	changed  map[muster.Key]time.Duration // when an instance last changed here
	seen     catalog.Index
	evicted  []eviction
	well     map[muster.Key]time.Duration // when a target was last found not critical here
	refused  map[muster.Key]time.Duration // when an instance's host last said that nothing listens there
}

func (w *World) addNode(place, number int) *node {
	p := w.plan
	name := "n" + strconv.Itoa(number+1)
	n := &node{
		w: w, index: len(w.nodes), site: p.site(number), place: place, name: name, id: p.datacenter(number) + "/" + name,
		zone: "z" + strconv.Itoa(number%p.Zones), rand: rng(p.Seed, "node", len(w.nodes)),
		clock: clock{drift: p.Drift[number], wrong: p.Wrong[number]}, hasDisk: p.Disk[number],
	}
	w.nodes = append(w.nodes, n)
	w.byID[n.id] = append(w.byID[n.id], n)
	return n
}

func (n *node) moment() muster.Moment {
	return muster.Moment{Mono: n.clock.mono(n.w.now), Wall: n.clock.wall(n.w.now)}
}

// runs reports whether the process is there and not stopped.
func (n *node) runs() bool { return n.up && !n.paused }

// start starts the process, from a snapshot if there is one.
func (w *World) start(n *node, snap *wire.Snapshot) {
	if n.up {
		return
	}
	n.up, n.left, n.paused, n.ready = true, false, false, false
	n.life++
	n.started = w.now
	n.clock.boot = w.now
	n.view = make([]peerView, len(w.nodes), len(w.nodes)+4)
	n.suspects = make(map[int]bool)
	n.heard = make(map[muster.Key]hearing)
	n.changed = make(map[muster.Key]time.Duration)
	n.refused = make(map[muster.Key]time.Duration)
	n.well = make(map[muster.Key]time.Duration)
	n.evicted, n.backlog, n.score, n.flushing, n.ticking = nil, nil, 0, false, 0
	n.seen = 0
	n.incarnation = uint64(max(n.clock.wall(w.now).UnixMilli(), 1))
	if w.plan.Frozen[n.index%w.plan.Nodes] {
		n.incarnation = 1 + n.rand.Uint64N(1<<20) // Its wall clock starts at about the same moment each time.
	}
	if planted == "an incarnation is used again" {
		n.incarnation = 1
	}
	if snap != nil {
		// As a node does that starts: the life before may have ended without a snapshot, and have had the next number.
		n.incarnation = max(n.incarnation, snap.Incarnation+1+rng(w.plan.Seed, "incarnation", n.index+1000*n.life).Uint64N(1<<20))
	}
	at := n.moment()
	_, count := w.plan.span(n.place)
	cfg := muster.ReplicaConfig{
		Name: n.name, Datacenter: spread.DatacenterOf(n.id), Zone: n.zone, Incarnation: n.incarnation,
		Preserve: muster.DefaultPreserve(), TombstoneAge: w.plan.Tombstone, OriginAge: w.plan.Origin,
		Export: exported(), Seeds: w.plan.Nodes > 1, Near: count > 1, ReadyWait: 20 * time.Second,
		Rand: rand.New(rand.NewPCG(n.rand.Uint64(), n.rand.Uint64())), //nolint:gosec // Seeded on purpose.
	}
	rep, err := muster.NewReplica(cfg, at)
	if err != nil {
		w.fail("anytime_starts", "%s: %v", n.name, err)
		return
	}
	n.rep = rep
	if snap != nil {
		n.rep.Restore(at, snap.Records, snap.Summary)
	}
	w.note(n.name, "starts: life %d, incarnation %d, snapshot %v", n.life, n.incarnation, snap != nil)
	w.impaired(n)
	w.settle(n)
	w.join(n)
	w.every(n, 900*time.Millisecond, 1100*time.Millisecond, func() { w.probe(n) })
	w.every(n, 5*time.Second, 15*time.Second, func() { w.rejoin(n) })
	w.every(n, 10*time.Second, 20*time.Second, func() { w.exchange(n) })
	if w.wide.gateway(n) {
		w.every(n, 500*time.Millisecond, 1500*time.Millisecond, func() { w.wide.listen(n) })
	}
	if n.hasDisk {
		w.every(n, 9*time.Second, 11*time.Second, func() { w.save(n) })
	}
}

// every does something again and again as long as this life of the node lasts. A node that is stopped skips it.
func (w *World) every(n *node, low, high time.Duration, do func()) {
	life := n.life
	var again func()
	again = func() {
		if !n.up || n.life != life {
			return
		}
		if !n.paused {
			do()
		}
		w.after(between(n.rand, low, high), again)
	}
	w.after(between(n.rand, low/2, high), again)
}

// soon does something at the node after d, unless this life of it has ended; a node that is stopped does it when it goes on.
func (w *World) soon(n *node, d time.Duration, do func()) {
	life := n.life
	w.after(d+n.slow, func() {
		switch {
		case !n.up || n.life != life:
		case n.paused:
			n.backlog = append(n.backlog, do)
		default:
			do()
		}
	})
}

// save writes a snapshot, through the file format if the schedule says so.
func (w *World) save(n *node) {
	if n.diskFull {
		w.note(n.name, "cannot write its snapshot: the disk is full")
		return
	}
	s := n.rep.Snapshot(n.moment())
	if w.plan.Codec {
		var b bytes.Buffer
		if err := wire.WriteSnapshot(&b, s); err != nil {
			w.fail("anytime_snapshot_is_readable", "%s: %v", n.name, err)
			return
		}
		read, err := wire.ReadSnapshot(&b)
		if err != nil {
			w.fail("anytime_snapshot_is_readable", "%s: %v", n.name, err)
			return
		}
		s = read
	}
	if n.disk == nil || w.chance.IntN(3) == 0 {
		n.old = n.disk
	}
	n.disk = s
}

// crash ends the process without a word.
func (w *World) crash(n *node) {
	if !n.up {
		return
	}
	w.note(n.name, "crashes")
	w.stop(n)
}

func (w *World) stop(n *node) {
	w.tally(n)
	n.up, n.paused, n.rep, n.backlog = false, false, nil, nil
	w.impaired(n)
	for _, c := range w.clients {
		if c.plan.Embedded && w.nodes[c.plan.Place] == n {
			c.homeless()
		}
	}
}

// settle sees to what an input has left to do: changes to look at, things to send, the next tick.
func (w *World) settle(n *node) {
	if !n.up {
		return
	}
	w.observe(n)
	for _, q := range n.rep.TakeQuestions() {
		w.question(n, q)
	}
	for _, run := range n.rep.TakeRuns() {
		w.check(n, run)
	}
	if n.rep.Pending() && !n.flushing {
		n.flushing = true
		w.soon(n, 50*time.Microsecond, func() {
			n.flushing = false
			w.flush(n)
		})
	}
	w.arm(n)
}

func (w *World) flush(n *node) {
	n.rep.Flush(n.moment())
	for _, o := range n.rep.TakeOutbound() {
		w.net.send(n, o)
	}
	w.settle(n)
}

// arm plans the next tick, a millisecond after the last one at the earliest, as a real timer does.
func (w *World) arm(n *node) {
	at := max(n.clock.world(n.rep.Next()), w.now)
	if n.ticking > w.now && n.ticking <= at {
		return
	}
	at = max(at, w.now+time.Millisecond)
	n.ticking = at
	life := n.life
	w.at(at+n.slow, func() {
		if n.up && n.life == life && !n.paused && n.ticking == at {
			w.tick(n)
		}
	})
}

func (w *World) tick(n *node) {
	n.ticking = 0
	n.rep.Tick(n.moment())
	w.settle(n)
}

// pause stops the process, as SIGSTOP does, and resume lets it go on: it has missed everything, and notices.
func (w *World) pause(n *node) {
	if !n.runs() {
		return
	}
	w.note(n.name, "is stopped")
	n.paused, n.pausedAt = true, w.now
	w.impaired(n)
}

func (w *World) resume(n *node) {
	if !n.up || !n.paused {
		return
	}
	n.paused = false
	w.impaired(n)
	stopped := w.now - n.pausedAt
	w.note(n.name, "goes on after %v", stopped)
	backlog := n.backlog
	n.backlog = nil
	wake := func() {
		if stopped > 1250*time.Millisecond {
			n.rep.Resumed(n.moment(), stopped.String())
			n.refreshed()
		}
		w.tick(n)
	}
	// What has waited in the sockets may be read before or after the timer fires.
	first := w.chance.IntN(2) == 0
	if first {
		wake()
	}
	for _, do := range backlog {
		if n.up {
			do()
		}
	}
	if !first {
		wake()
	}
}

// leave is a graceful end: leases go to their heirs, then the others are told.
func (w *World) leave(n *node) {
	if !n.runs() {
		return
	}
	moved := n.rep.Handover(n.moment())
	w.note(n.name, "leaves, %d leases handed over", moved)
	w.flush(n)
	w.soon(n, 300*time.Millisecond, func() {
		w.flush(n)
		for _, q := range w.nodes {
			if q != n && q.up && w.net.reaches(n, q) {
				life := n.life
				w.soon(q, between(w.chance, 0, 300*time.Millisecond), func() { w.down(q, n, life, true) })
			}
		}
		n.left = true
		if n.hasDisk && !n.diskFull {
			w.save(n)
		}
		w.stop(n)
	})
}
