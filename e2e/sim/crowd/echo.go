package crowd

import (
	"math/rand/v2"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/catalog/wire"
	"github.com/musterhq/muster/gossip/spread"
)

// echo is a node of which only the replication is there. It is the engine's Store as well: see the package's doc for
// what it may leave out.
type echo struct {
	id, zone string
	engine   *spread.Engine
	out      []muster.Outbound
	written  []spread.Delta
	own      *catalog.Catalog // what was registered here, and nothing else
	vector   causal.Vector
	state    uint64
	lamport  uint64
	pool     *pool
}

// pool is every body that a member wrote, by origin, that of sequence s at s-1.
type pool struct {
	bodies map[causal.Origin][][]byte
	dec    wire.Decoder
}

// cacheBytes bounds each echo's cache of recent bodies, a sixteenth of the default: a thousand caches have to fit. What has
// gone from it is answered from the pool, as a node does from its catalog.
const cacheBytes = 64 << 10

func newEcho(id, zone string, incarnation uint64, p *pool, r *rand.Rand, at muster.Moment) (*echo, error) {
	e := &echo{id: id, zone: zone, pool: p}
	e.own = catalog.New(catalog.Config{Origin: causal.Origin{Node: id, Incarnation: incarnation}, History: 1}, at)
	var err error
	e.engine, err = spread.New(spread.Config{Self: id, Zone: zone, Rand: r, Store: e, CacheBytes: cacheBytes})
	if err == nil {
		e.engine.SetReady(true)
	}
	return e, err
}

func (e *echo) register(at muster.Moment, i int) error {
	inst := instance(i, e.zone)
	if err := inst.Complete(); err != nil {
		return err
	}
	inst.Datacenter, inst.Home, inst.RegisteredAt = datacenter, e.id, at.Wall.UTC().Truncate(time.Millisecond)
	rec := e.own.Register(at, inst)
	e.own.TakeChanges()
	body := wire.AppendRecord(nil, rec)
	e.pool.add(rec.Stamp.Dot, body)
	e.took(rec.Stamp.Dot)
	e.lamport = max(e.lamport, rec.Stamp.Lamport)
	e.written = append(e.written, spread.Delta{Seq: rec.Stamp.Dot.Seq, Body: body})
	return nil
}

// add keeps a body at its first arrival, which may be out of order.
func (p *pool) add(d causal.Dot, body []byte) {
	bodies := p.bodies[d.Origin]
	for uint64(len(bodies)) < d.Seq {
		bodies = append(bodies, nil)
	}
	bodies[d.Seq-1] = body
	p.bodies[d.Origin] = bodies
}

// body is nil if it has arrived nowhere.
func (p *pool) body(d causal.Dot) []byte {
	if bodies := p.bodies[d.Origin]; d.Seq > 0 && d.Seq <= uint64(len(bodies)) {
		return bodies[d.Seq-1]
	}
	return nil
}

func (e *echo) took(d causal.Dot) {
	e.vector.Add(d)
	e.state += d.Hash()
}

func (e *echo) flush(at muster.Moment) {
	if len(e.written) > 0 {
		e.step(at, spread.Local{Origin: e.own.Self(), Deltas: e.written})
		e.written = nil
	}
}

func (e *echo) step(at muster.Moment, in spread.Input) {
	for _, o := range e.engine.Step(at.Mono, in) {
		if o.Event == nil {
			e.out = append(e.out, muster.Outbound{To: o.To, Msg: o.Msg, Reliable: o.Reliable, Same: o.Same})
		}
	}
}

func (e *echo) receive(at muster.Moment, from string, m spread.Message) {
	e.step(at, spread.Received{From: from, Msg: m})
}

func (e *echo) compare(at muster.Moment, peer string, d spread.Digest) {
	e.step(at, spread.PeerDigest{Peer: peer, Digest: d})
}

func (e *echo) memberUp(at muster.Moment, m spread.Member) { e.step(at, spread.MemberUp{Member: m}) }

func (e *echo) memberDown(at muster.Moment, m spread.Member) {
	e.step(at, spread.MemberDown{Member: m})
}

func (e *echo) tick(at muster.Moment) { e.step(at, spread.Tick{}) }

func (e *echo) next() (time.Duration, bool) { return e.engine.Next() }

func (e *echo) pending() bool { return len(e.written) > 0 || len(e.out) > 0 }

func (e *echo) take() []muster.Outbound {
	out := e.out
	e.out = nil
	return out
}

func (e *echo) digest() spread.Digest { return e.Digest() }

func (e *echo) stats() spread.Stats { return e.engine.Stats() }

// Covers reports whether d has arrived.
func (e *echo) Covers(d causal.Dot) bool { return e.vector.Covers(d) }

// Origins is the origins of which anything has arrived.
func (e *echo) Origins() []causal.Origin { return e.vector.Origins() }

// Missing is the runs of the span that have not arrived.
func (e *echo) Missing(span spread.Span, limit int) []causal.Range {
	missing := e.vector.Missing(span.Origin, span.Range)
	return missing[:min(limit, len(missing))]
}

// Apply counts what is new. Bodies that a keeper wrote get into the pool by their first arrival anywhere.
func (e *echo) Apply(o causal.Origin, deltas []spread.Delta) (fresh []spread.Delta, err error) {
	fresh = deltas
	if e.vector.Head(o) >= deltas[0].Seq { // Unusual: most are beyond all that is known of the origin.
		fresh = nil
		for _, d := range deltas {
			if !e.vector.Covers(causal.Dot{Origin: o, Seq: d.Seq}) {
				fresh = append(fresh, d)
			}
		}
	}
	for _, d := range fresh {
		dot := causal.Dot{Origin: o, Seq: d.Seq}
		if e.pool.body(dot) == nil {
			e.pool.add(dot, d.Body)
		}
		e.state += dot.Hash()
	}
	for i := 0; i < len(fresh); {
		run := causal.Range{First: fresh[i].Seq, Last: fresh[i].Seq}
		for i++; i < len(fresh) && fresh[i].Seq == run.Last+1; i++ {
			run.Last++
		}
		e.vector.AddRange(o, run)
	}
	return fresh, nil
}

// Body is the record with that dot.
func (e *echo) Body(d causal.Dot) ([]byte, bool) {
	if !e.vector.Covers(d) {
		return nil, false
	}
	body := e.pool.body(d)
	return body, body != nil
}

// Digest is the two hashes.
func (e *echo) Digest() spread.Digest {
	return spread.Digest{State: e.state, Vector: e.vector.Hash()}
}

// Vector is the vector, encoded.
func (e *echo) Vector() []byte { return wire.AppendVector(nil, &e.vector) }

// Lacks reports whether the sender of the vector covers something that has not arrived here.
func (e *echo) Lacks(vector []byte) (bool, error) {
	v, err := e.pool.dec.Vector(vector)
	return err == nil && !e.vector.Dominates(v), err
}

// Transfer is what the sender of the vector lacks.
func (e *echo) Transfer(vector []byte, _ bool) (spread.Transfer, error) {
	v, err := e.pool.dec.Vector(vector)
	if err != nil {
		return nil, err
	}
	t := &transfer{summary: catalog.Summary{Vector: e.vector.Clone(), Lamport: e.lamport}}
	for o, r := range e.vector.Minus(v) {
		f := spread.Frame{Origin: o}
		for seq := r.First; seq <= r.Last; seq++ {
			if body, ok := e.Body(causal.Dot{Origin: o, Seq: seq}); ok {
				f.Deltas = append(f.Deltas, spread.Delta{Seq: seq, Body: body})
			}
		}
		t.frames = append(t.frames, f)
	}
	return t, nil
}

// Finish ends a sync. What the vector covers and has not been applied stays out of the state hash, and shows.
func (e *echo) Finish(summary []byte) error {
	s, err := e.pool.dec.Summary(summary)
	if err == nil {
		e.vector.Merge(s.Vector)
		e.lamport = max(e.lamport, s.Lamport)
	}
	return err
}

// transfer hands out frames piece by piece.
type transfer struct {
	frames  []spread.Frame
	summary catalog.Summary
}

// Next is the next frames of at most maxBytes, at least one delta.
func (t *transfer) Next(maxBytes int) (frames []spread.Frame, more bool) {
	size := 0
	for len(t.frames) > 0 {
		f := &t.frames[0]
		n, cost := 0, spread.FrameSize(spread.Frame{Origin: f.Origin})
		for n < len(f.Deltas) && (size+cost+len(f.Deltas[n].Body)+deltaOverhead <= maxBytes || size == 0 && n == 0) {
			cost += len(f.Deltas[n].Body) + deltaOverhead
			n++
		}
		if n > 0 {
			frames = append(frames, spread.Frame{Origin: f.Origin, Deltas: f.Deltas[:n]})
			size += cost
		}
		if n < len(f.Deltas) {
			f.Deltas = f.Deltas[n:]
			return frames, true
		}
		t.frames = t.frames[1:]
	}
	return frames, false
}

// deltaOverhead is more than a delta costs in a frame beyond its body.
const deltaOverhead = 16

// Summary closes the transfer.
func (t *transfer) Summary() []byte { return wire.AppendSummary(nil, t.summary) }
