package muster

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/gossip/lan"
	"github.com/musterhq/muster/gossip/spread"
	"github.com/musterhq/muster/gossip/wan"
)

// Node is one running peer of the registry: a Replica with a lock, sockets, goroutines and the real clock. It is not a
// client of a registry: it holds all of it. Made by Start; ends with Leave or Close. All methods are safe for any number
// of goroutines. The zero Node is not usable.
type Node struct {
	cfg     Config
	log     *slog.Logger
	started time.Time
	version string
	pool    *lan.Pool
	// gateways is the pool of gateways of all data centres, nil if this node is none.
	gateways atomic.Pointer[wan.Pool]
	send     *sender
	events   *eventLog
	checks   *checker
	rtt      sync.Map // member name -> time.Duration, of the last probe

	// mu guards the replica's writer side and what follows. Nothing that waits is called while it is held.
	mu      sync.Mutex
	replica *Replica
	armed   time.Duration // when run will wake by itself
	closing bool
	// failures and snapshots are for Condition.
	failures  failureLog
	snapshots SnapshotInfo

	ready     atomic.Bool
	asking    chan Question             // to inquire: who is to be asked
	readiness atomic.Pointer[readiness] // ready and why, for those who must not wait for the lock
	digest    atomic.Pointer[spread.Digest]
	malformed atomic.Uint64

	wake chan struct{} // to run: something is due earlier than armed. One is enough: run looks for itself.
	work chan struct{} // to flush: there is something to send. One is enough, likewise.
	stop context.CancelFunc
	done context.Context //nolint:containedctx // The life of the node, for watchers to end with.
	wg   sync.WaitGroup
	end  sync.Once
}

// Start starts a node and, if it is told of others, joins them. It returns once the node listens; it may not be ready
// yet, see Ready. ctx bounds the start alone. The error is ErrConfig, ErrInsecure, or says which address, name or file is
// at fault; then nothing is left running.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	saved, peers, err := loadSnapshot(cfg)
	if err != nil {
		return nil, err
	}
	n := &Node{
		cfg:     cfg,
		log:     cfg.Logger.With("component", "node", "node", cfg.Node),
		started: time.Now(),
		version: Version(),
		wake:    make(chan struct{}, 1),
		work:    make(chan struct{}, 1),
		events:  newEventLog(),
		asking:  make(chan Question, maxQuestions),
	}
	n.snapshots = SnapshotInfo{Dir: cfg.DataDir, Interval: cfg.SnapshotInterval, Since: n.started}
	n.checks = newChecker(n)
	n.done, n.stop = context.WithCancel(context.WithoutCancel(ctx))
	incarnation := uint64(max(n.started.UnixMilli(), 1))
	var seed [24]byte
	_, _ = crand.Read(seed[:]) // Never fails.
	if saved != nil {
		// Not simply the next one: where the clock is behind, a life that ended before it could write a snapshot had that.
		incarnation = max(incarnation, saved.Incarnation+1+binary.BigEndian.Uint64(seed[16:])>>44)
	}
	seeds := append(slices.Clone(cfg.Join), peers...)
	// A node that is alone in its data centre catches up with other data centres instead.
	elsewhere := len(seeds) == 0 && len(cfg.WANJoin) > 0
	n.replica, err = NewReplica(ReplicaConfig{
		Name: cfg.Node, Datacenter: cfg.Datacenter, Zone: cfg.Zone,
		Incarnation: incarnation, History: cfg.History, Preserve: cfg.Preserve,
		Seeds: len(seeds) > 0 || elsewhere, Near: len(seeds) > 0, ReadyWait: cfg.ReadyWait,
		Scripts: cfg.EnableScriptChecks, Export: cfg.Export, RemoteMaxAge: cfg.RemoteMaxAge,
		Rand: rand.New(rand.NewPCG(binary.BigEndian.Uint64(seed[:8]), binary.BigEndian.Uint64(seed[8:]))), //nolint:gosec // For spreading load.
	}, n.moment())
	if err != nil {
		n.stop()
		return nil, err
	}
	if saved != nil {
		n.replica.Restore(n.moment(), saved.Records, saved.Summary)
	}
	n.ready.Store(n.replica.boot.ready)
	n.readiness.Store(&readiness{n.replica.boot.ready, n.replica.boot.reason})
	if err := n.join(ctx, incarnation, seeds); err != nil {
		n.stop()
		return nil, err
	}
	n.send = newSender(n)
	if err := n.joinWAN(ctx, incarnation); err != nil {
		n.stop()
		return nil, errors.Join(err, n.pool.Close())
	}
	n.wg.Go(n.run)
	n.wg.Go(n.flush)
	n.wg.Go(n.inquire)
	if cfg.DataDir != "" {
		n.wg.Go(n.keepSnapshots)
	}
	n.signal(n.work)
	return n, nil
}

// join starts the membership.
func (n *Node) join(ctx context.Context, incarnation uint64, seeds []string) (err error) {
	n.pool, err = lan.Start(ctx, lan.Config{
		Name: n.cfg.Node, Datacenter: n.cfg.Datacenter, Zone: n.cfg.Zone,
		Bind: n.cfg.Bind, Advertise: n.cfg.Advertise, Profile: lan.Profile(n.cfg.Profile), Keys: n.cfg.Keys,
		Meta:  lan.Meta{Incarnation: incarnation, HTTP: n.cfg.HTTP, Version: n.version},
		Seeds: seeds, Transport: n.cfg.Transport, Logger: n.cfg.Logger,
		Handler: n.receive, OnEvent: n.memberEvent, Digest: n.ackPayload, OnDigest: n.peerDigest,
	})
	return err
}

// Version is the version of the module that this program was built from, "devel" if it does not know.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; info.Main.Path == modulePath && v != "" && v != "(devel)" {
			return v
		}
		for _, dep := range info.Deps {
			if dep.Path == modulePath {
				return dep.Version
			}
		}
	}
	return "devel"
}

const modulePath = "github.com/musterhq/muster"

func (n *Node) moment() Moment {
	now := time.Now()
	return Moment{Mono: now.Sub(n.started), Wall: now}
}

// do runs f on the replica under the lock, and sees to what comes of it.
func (n *Node) do(f func(r *Replica, at Moment)) {
	n.mu.Lock()
	at := n.moment()
	f(n.replica, at)
	n.settle()
	n.mu.Unlock()
}

// settle is what has to be looked at whenever the replica has taken an input. Called with the lock held.
func (n *Node) settle() {
	r := n.replica
	if r.boot.ready != n.ready.Load() {
		n.ready.Store(r.boot.ready)
		n.log.Info("ready", "reason", r.boot.reason)
	}
	if now := (readiness{r.boot.ready, r.boot.reason}); !n.closing && *n.readiness.Load() != now {
		n.readiness.Store(&now)
	}
	if evs := r.TakeEvents(); len(evs) > 0 {
		n.events.add(evs)
	}
	n.ask(r.TakeQuestions())
	n.checks.add(r.TakeRuns())
	if r.Pending() {
		n.signal(n.work)
	}
	if r.Next() < n.armed {
		n.signal(n.wake)
	}
}

func (n *Node) signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

const (
	// idleTick is how often the node wakes at least: often enough to notice that it did not.
	idleTick = 250 * time.Millisecond
	// pauseLimit is how late a wake-up is taken for a stopped process rather than a busy machine.
	pauseLimit = time.Second
	// healthTick is how often memberlist is asked how it finds this node.
	healthTick = time.Second
)

// run gives the replica the time: at the moments it asks for, and often enough to see that the process was stopped.
func (n *Node) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	last, health := n.moment().Mono, time.Duration(0)
	for {
		select {
		case <-n.done.Done():
			return
		case <-n.wake:
		case <-timer.C:
		}
		n.mu.Lock()
		at := n.moment()
		if late := at.Mono - last - idleTick; late > pauseLimit {
			n.log.Warn("this process was stopped", "dur", late)
			n.replica.Resumed(at, late.Round(10*time.Millisecond).String())
		}
		last = at.Mono
		if at.Mono >= health {
			health = at.Mono + healthTick
			n.replica.SetHealth(at, n.pool.HealthScore())
		}
		n.replica.Tick(at)
		n.armed = min(n.replica.Next(), at.Mono+idleTick)
		n.settle()
		wait := n.armed - at.Mono
		n.mu.Unlock()
		timer.Reset(max(wait, time.Millisecond))
	}
}

// flush sends what there is to send. While it sends, writes gather, and go together the next time.
func (n *Node) flush() {
	for {
		select {
		case <-n.done.Done():
			return
		case <-n.work:
		}
		n.flushNow()
	}
}

func (n *Node) flushNow() {
	n.mu.Lock()
	n.replica.Flush(n.moment())
	out := n.replica.TakeOutbound()
	n.settle()
	n.mu.Unlock()
	n.send.all(out)
}

// memberEvent is the pool's word that the membership has changed.
func (n *Node) memberEvent(ev lan.Event) {
	m := ev.Member
	id := m.Datacenter + "/" + m.Name
	member := spread.Member{ID: id, Zone: m.Zone, Incarnation: m.Incarnation}
	n.do(func(r *Replica, at Moment) {
		switch ev.Kind {
		case lan.EventJoined, lan.EventUpdated:
			r.tell(NodeEventMembership, m.Name, "%s at %s", ev.Kind, m.Addr)
			r.MemberUp(at, member)
		case lan.EventLeft, lan.EventFailed:
			r.tell(NodeEventMembership, m.Name, "%s", ev.Kind)
			if ev.Kind == lan.EventFailed {
				n.failures.note(m.Name, at.Mono)
			}
			r.MemberDown(at, member, ev.Kind == lan.EventLeft)
		case lan.EventConflict:
			r.tell(NodeEventMembership, m.Name, "two nodes have this name: one at %s, one at %s", m.Addr, ev.Other)
		}
	})
}

// ackPayload is the digest that rides on probe acks. memberlist waits for it, so it does not wait for the lock: the digest
// of a moment ago does as well.
func (n *Node) ackPayload() []byte {
	if n.mu.TryLock() {
		d := n.replica.Digest()
		n.mu.Unlock()
		n.digest.Store(&d)
	}
	d := n.digest.Load()
	if d == nil {
		return nil
	}
	b, _ := d.AppendBinary(nil) // Never fails.
	return b
}

func (n *Node) peerDigest(peer string, digest []byte, rtt time.Duration) {
	n.rtt.Store(peer, rtt)
	d, err := spread.ParseDigest(digest)
	if err != nil {
		return
	}
	n.do(func(r *Replica, at Moment) { r.PeerDigest(at, n.cfg.Datacenter+"/"+peer, d) })
}

// Leave leaves in order: leases go to their heirs, the other nodes are told, a snapshot is written, and everything stops.
// Nobody's answers change by it, except that the instances registered by Register on this Node end with it. ctx bounds
// the wait; after it the node is closed all the same. The error joins what did not work. A second call does nothing.
func (n *Node) Leave(ctx context.Context) error { return n.shutdown(ctx, true) }

// Close stops without a word, as a crash would, though cleanly: the other nodes will see this one fail, and its leases
// are taken over by their heirs.
func (n *Node) Close() error { return n.shutdown(context.Background(), false) }

// leaveSettle is how long a leaving node waits after its last writes were sent, for the packets that repair losses.
const leaveSettle = 100 * time.Millisecond

func (n *Node) shutdown(ctx context.Context, leave bool) (err error) {
	n.end.Do(func() {
		if leave {
			err = n.handover(ctx)
			if gateways := n.gateways.Load(); gateways != nil {
				err = errors.Join(err, gateways.Leave(ctx))
			}
			err = errors.Join(err, n.pool.Leave(ctx))
		}
		n.mu.Lock()
		n.closing = true
		n.ready.Store(false)
		n.readiness.Store(&readiness{false, "the node has left"})
		n.mu.Unlock()
		n.stop()
		n.send.close()
		n.wg.Wait()
		err = errors.Join(err, n.pool.Close())
		if gateways := n.gateways.Load(); gateways != nil {
			err = errors.Join(err, gateways.Close())
		}
		if n.cfg.DataDir != "" {
			err = errors.Join(err, n.saveSnapshot())
		}
		n.events.close()
	})
	return err
}

// handover gives the leases away and waits until the peers have been told.
func (n *Node) handover(ctx context.Context) error {
	moved, peers := 0, 0
	n.do(func(r *Replica, at Moment) {
		moved = r.Handover(at)
		peers = len(r.peers.up)
	})
	n.flushNow()
	if moved > 0 {
		n.log.Info("leases handed over", "count", moved)
	}
	if peers == 0 {
		return nil
	}
	if err := n.send.drain(ctx); err != nil {
		return fmt.Errorf("muster: leaving before every peer was told of %d leases: %w", moved, err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(leaveSettle):
	}
	return nil
}

// Restore gives a replica that has just been made what a snapshot held.
func (r *Replica) Restore(at Moment, recs []*catalog.Record, s catalog.Summary) {
	r.begin(at)
	r.quiet = true // It has all happened before.
	for piece := range slices.Chunk(recs, restorePiece) {
		r.cat.Apply(at, piece)
		r.end()
	}
	r.cat.Finish(at, s)
	r.rebirth()
	if planted == "a snapshot is believed" {
		r.boot.done(r, "caught up with its peers")
	}
	r.end()
	r.events, r.quiet = nil, false
	r.planInheritance()
}

// restorePiece is how many records are applied before their consequences are drawn: these take memory until then.
const restorePiece = 8192
