package spread

import (
	"fmt"
	"slices"
)

const (
	// maxWaiting is how many syncs may be waiting to start.
	maxWaiting = 16
	// maxElsewhere is how many other peers are tried when one refuses a sync for what is known to be missing.
	maxElsewhere = 3
)

// waiting is a sync that is to be started.
type waiting struct {
	peer  string
	full  bool
	due   Instant
	asked bool // By a StartSync, which must be answered.
	join  bool // Because the peer came up.
	lack  bool // For something known to be missing; another peer may do as well.
	tries int  // Other peers tried for it.
	// needed says, when the sync is about to start, whether it is still of use; nil for always.
	needed func() bool
}

// outbound is a sync that this node pulls.
type outbound struct {
	waiting
	id    uint64
	next  uint32 // The chunk that is awaited.
	heard Instant
	fresh int
}

// inbound is a sync that this node serves.
type inbound struct {
	peer     string
	id       uint64
	next     uint32 // The chunk to be sent next.
	heard    Instant
	transfer Transfer
}

// request plans a sync. One that is planned already with the same peer absorbs it.
func (e *Engine) request(w waiting) {
	if w.peer == e.cfg.Self || !e.known(w.peer) {
		e.report(w, ErrUnknownPeer)
		return
	}
	w.due = max(w.due, e.now)
	if last, recent := e.started[w.peer]; recent {
		w.due = max(w.due, last+e.cfg.SyncGap+e.upTo(e.cfg.SyncGap/2+1))
	}
	for i := range e.waiting {
		if o := &e.waiting[i]; o.peer == w.peer {
			o.full = o.full || w.full
			o.asked = o.asked || w.asked
			o.due = min(o.due, w.due)
			if o.needed != nil { // The newer reason is as good; no reason needed beats both.
				o.needed = w.needed
			}
			return
		}
	}
	if len(e.waiting) >= maxWaiting {
		e.report(w, ErrBusy)
		return
	}
	e.waiting = append(e.waiting, w)
}

// report answers a StartSync that came to nothing.
func (e *Engine) report(w waiting, err error) {
	if w.asked {
		e.out = append(e.out, Output{Event: SyncDone{Peer: w.peer, Err: err}})
	}
}

// drop takes a planned sync out, unless a StartSync waits for it too.
func (e *Engine) drop(i int) {
	if e.waiting[i].asked {
		e.waiting[i].join = false
		return
	}
	e.waiting = slices.Delete(e.waiting, i, i+1)
}

// gate is when the next session may start: at once, unless one is making progress or all places are taken. Sessions with
// members and those over links do not wait for each other: a link may be slow.
func (e *Engine) gate(far bool) Instant {
	var at Instant
	var expiry soonest
	open := 0
	for _, s := range e.outbound {
		if e.far.has(s.peer) == far {
			open++
			at = max(at, s.heard+e.cfg.SyncStall)
			expiry.add(s.heard+e.idle(s.peer), true)
		}
	}
	if open >= e.cfg.SyncOut {
		at = max(at, expiry.at)
	}
	return at
}

// idle is how long a session with a peer may be silent before it is given up.
func (e *Engine) idle(peer string) Instant {
	if e.far.has(peer) {
		return e.cfg.FarIdle
	}
	return e.cfg.SyncIdle
}

// startSyncs starts those that are due.
func (e *Engine) startSyncs() {
	for i := 0; i < len(e.waiting); {
		w := e.waiting[i]
		if w.due > e.now {
			i++
			continue
		}
		if e.gate(e.far.has(w.peer)) > e.now {
			i++
			continue
		}
		e.waiting = slices.Delete(e.waiting, i, i+1)
		if w.needed != nil && !w.needed() {
			continue
		}
		e.nextID++
		e.started[w.peer] = e.now
		e.stats.Syncs++
		e.outbound = append(e.outbound, &outbound{waiting: w, id: e.nextID, heard: e.now})
		e.send([]string{w.peer}, SyncRequest{ID: e.nextID, Vector: e.store(w.peer).Vector(), Full: w.full}, true)
	}
	if len(e.waiting) == 0 {
		e.waiting = nil
	}
}

// session is the place of a session that this node pulls; -1 if there is none.
func (e *Engine) session(peer string, id uint64) int {
	return slices.IndexFunc(e.outbound, func(s *outbound) bool { return s.peer == peer && s.id == id })
}

// chunk applies one part of a sync, and asks for the next or finishes.
func (e *Engine) chunk(from string, c SyncChunk) {
	i := e.session(from, c.ID)
	if i < 0 || e.outbound[i].next != c.Index {
		e.stats.Strays++
		return
	}
	s := e.outbound[i]
	s.heard = e.now
	s.next++
	for _, f := range c.Frames {
		if !f.ordered() || e.strays(from, f.Origin) {
			e.stats.Malformed++
			e.end(i, false, ErrMalformed)
			return
		}
		fresh, err := e.cfg.Store.Apply(f.Origin, f.Deltas)
		s.fresh += len(fresh)
		e.stats.Fresh += uint64(len(fresh))
		e.announceLater(f.Origin, fresh)
		if len(fresh) > 0 {
			e.learn(f.Origin)
			e.news.arm(e.now + e.cfg.AnnounceDelay)
		}
		if err != nil {
			e.stats.Malformed++
			e.end(i, false, fmt.Errorf("sync from %s: %w", from, err))
			return
		}
	}
	if planted == "a sync is finished by its first chunk" && c.Index == 0 && !c.Last {
		_ = e.store(from).Finish(c.Summary) // Planted: its error would only hide the bug.
	}
	if !c.Last {
		e.send([]string{from}, SyncNext{c.ID, c.Index + 1}, true)
		return
	}
	if err := e.store(from).Finish(c.Summary); err != nil {
		e.stats.Malformed++
		e.end(i, false, fmt.Errorf("sync from %s: %w", from, err))
		return
	}
	e.recall() // The store may have learned of origins of which it holds nothing, and forgotten others.
	e.end(i, c.Ready, nil)
}

// refused ends a session that the peer would not serve. What is known to be missing is sought at another peer.
func (e *Engine) refused(from string, m SyncRefuse) {
	i := e.session(from, m.ID)
	if i < 0 || e.outbound[i].next > 0 {
		e.stats.Strays++
		return
	}
	e.end(i, false, ErrRefused)
}

// end closes a session that this node pulls and reports it.
func (e *Engine) end(i int, ready bool, err error) {
	s := e.outbound[i]
	e.outbound = slices.Delete(e.outbound, i, i+1)
	e.out = append(e.out, Output{Event: SyncDone{Peer: s.peer, Fresh: s.fresh, PeerReady: ready, Err: err}})
	if err == nil {
		if e.far.has(s.peer) {
			e.far.synced(s.peer, e.cfg.Far.Digest(), s.fresh)
		}
		return
	}
	e.stats.SyncsFailed++
	if !s.lack || s.tries >= maxElsewhere {
		return
	}
	for _, other := range e.roster.sample(e.cfg.Rand, 1, e.cfg.Self, s.peer) {
		e.request(waiting{peer: other, lack: true, tries: s.tries + 1, needed: s.needed})
	}
}

// serve opens a session for a peer. One that the same peer had open is over: it has started anew.
func (e *Engine) serve(from string, m SyncRequest) {
	for i, s := range e.inbound {
		if s.peer != from {
			continue
		}
		if s.id == m.ID {
			e.stats.Strays++
			return
		}
		e.inbound = slices.Delete(e.inbound, i, i+1)
		break
	}
	refuse := func() {
		e.stats.SyncsRefused++
		e.send([]string{from}, SyncRefuse{m.ID}, true)
	}
	if len(e.inbound) >= e.cfg.SyncIn {
		refuse()
		return
	}
	store := e.store(from)
	lacks, err := store.Lacks(m.Vector)
	if err != nil {
		e.stats.Malformed++
		refuse()
		return
	}
	transfer, err := store.Transfer(m.Vector, m.Full)
	if err != nil {
		e.stats.Malformed++
		refuse()
		return
	}
	e.stats.SyncsServed++
	e.inbound = append(e.inbound, &inbound{peer: from, id: m.ID, transfer: transfer})
	e.sendChunk(len(e.inbound) - 1)
	if lacks {
		e.request(waiting{peer: from, needed: func() bool {
			lacks, err := store.Lacks(m.Vector)
			return lacks && err == nil
		}})
	}
}

// serveNext sends the chunk that a peer asks for.
func (e *Engine) serveNext(from string, m SyncNext) {
	for i, s := range e.inbound {
		if s.peer == from && s.id == m.ID && s.next == m.Index {
			e.sendChunk(i)
			return
		}
	}
	e.stats.Strays++
}

// sendChunk sends the next chunk of a session and closes it with the last.
func (e *Engine) sendChunk(i int) {
	s := e.inbound[i]
	limit := e.cfg.MaxStream
	if e.far.has(s.peer) {
		limit = e.cfg.MaxFar
	}
	frames, more := s.transfer.Next(limit)
	c := SyncChunk{ID: s.id, Index: s.next, Frames: frames}
	s.next++
	s.heard = e.now
	if planted == "a sync is finished by its first chunk" {
		c.Summary = s.transfer.Summary()
	}
	if !more {
		c.Last, c.Summary, c.Ready = true, s.transfer.Summary(), e.ready
		e.inbound = slices.Delete(e.inbound, i, i+1)
	}
	e.send([]string{s.peer}, c, true)
}

// expireSyncs ends the sessions whose other side has fallen silent.
func (e *Engine) expireSyncs() {
	idle := func(peer string, heard Instant) bool { return heard+e.idle(peer) <= e.now }
	e.inbound = slices.DeleteFunc(e.inbound, func(s *inbound) bool { return idle(s.peer, s.heard) })
	for i := 0; i < len(e.outbound); {
		if !idle(e.outbound[i].peer, e.outbound[i].heard) {
			i++
			continue
		}
		e.end(i, false, ErrTimeout)
	}
	for peer, at := range e.started {
		if at+2*e.cfg.SyncGap <= e.now {
			delete(e.started, peer)
		}
	}
}

// forgetSyncs ends what was planned or under way with a peer that is gone.
func (e *Engine) forgetSyncs(peer string) {
	e.inbound = slices.DeleteFunc(e.inbound, func(s *inbound) bool { return s.peer == peer })
	e.waiting = slices.DeleteFunc(e.waiting, func(w waiting) bool {
		if w.peer == peer {
			e.report(w, ErrPeerDown)
		}
		return w.peer == peer
	})
	for i := 0; i < len(e.outbound); {
		if e.outbound[i].peer != peer {
			i++
			continue
		}
		e.end(i, false, ErrPeerDown)
	}
}

// syncsDue adds the times at which sessions start or expire.
func (e *Engine) syncsDue(s *soonest) {
	near, far := e.gate(false), e.gate(true)
	for _, w := range e.waiting {
		gate := near
		if e.far.has(w.peer) {
			gate = far
		}
		s.add(max(w.due, gate), true)
	}
	for _, o := range e.outbound {
		s.add(o.heard+e.idle(o.peer), true)
	}
	for _, i := range e.inbound {
		s.add(i.heard+e.idle(i.peer), true)
	}
}
