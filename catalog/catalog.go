package catalog

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/catalog/causal"
)

// Moment is now, as the caller knows it. Mono is local monotonic time since some start: ages are measured by it. Wall is
// for people, and keeps indexes of later lives of a node above those of earlier ones; it may be wrong by years.
type Moment struct {
	Mono time.Duration
	Wall time.Time
}

// Config is what a catalog is made with.
type Config struct {
	// Origin is the writer that this catalog is: its node, "datacenter/name", and this life's incarnation.
	Origin causal.Origin
	// History is how many changes are kept for watchers that resume; 0 is 4,096.
	History int
}

// Catalog is one node's replica of the registry. See the package documentation for what it guarantees and for who may
// call what. It does no I/O, starts no goroutine and reads no clock. The zero Catalog is not usable: see New.
type Catalog struct {
	self    causal.Origin
	seq     uint64
	lamport uint64
	vector  causal.Vector
	floors  map[causal.Origin]uint64
	logs    map[causal.Origin]*originLog
	hash    uint64
	private privateSide

	sharing    sharing
	services   *table
	instances  int
	populated  int // services with at least one instance, as published
	tombstones []buried
	buried     int // registers that hold a tombstone now
	idle       map[causal.Origin]time.Duration
	pruned     map[causal.Origin]time.Duration

	away   map[string]time.Time // data centres that cannot be reached, and since when
	hidden map[string]bool      // those of them whose instances no view shows

	tag     uint64
	last    Index // of the batch under way; index is what readers see
	batch   uint64
	dirty   []*service
	changes []Change

	index    atomic.Uint64
	none     atomic.Pointer[View]
	changed  atomic.Pointer[notice]
	overview atomic.Pointer[Overview]
	history  history
}

// service is one service's registers, for the writer, and its latest view, for everyone.
type service struct {
	key     ServiceKey
	view    atomic.Pointer[View]
	entries map[string]*slots
	private map[string]*slots // likewise of what stays in the data centre; nil where nothing does
	draft   *View
	left    int // instances that the view leaves out; see Hide
}

// New makes an empty catalog.
func New(cfg Config, at Moment) *Catalog {
	if cfg.History <= 0 {
		cfg.History = 4096
	}
	c := &Catalog{
		floors:   make(map[causal.Origin]uint64),
		logs:     make(map[causal.Origin]*originLog),
		services: newTable(),
		idle:     make(map[causal.Origin]time.Duration),
		pruned:   make(map[causal.Origin]time.Duration),
		history:  history{limit: cfg.History},
	}
	c.changed.Store(&notice{})
	c.none.Store(&View{})
	c.Rebirth(cfg.Origin, at)
	return c
}

// Rebirth makes the catalog write as another origin from now on: the same node with a higher incarnation, when it has
// learned that its own was used before. What has been written stays as it is. Needs the writer's lock.
func (c *Catalog) Rebirth(o causal.Origin, at Moment) {
	o.Incarnation = o.Life()
	c.self = o
	c.seq, c.private.seq = c.vector.Head(o), c.vector.Head(o.Private())
	c.tag = (causal.Dot{Origin: o}).Hash()
	c.last = c.last.next(at.Wall, c.tag)
	c.history.mu.Lock()
	c.history.ring, c.history.next, c.history.from = nil, 0, c.last
	c.history.mu.Unlock()
	c.index.Store(uint64(c.last))
	c.renewNone()
}

// Self is the origin that this catalog writes as. Needs the writer's lock.
func (c *Catalog) Self() causal.Origin { return c.self }

// Register writes a registration: a new instance, or another body for one that is there. The instance must be complete
// (see Instance.Complete) and belongs to the catalog afterwards; its maps and tags stay the caller's: they are copied, or
// equal ones shared. What is written of it afterwards stays in the data centre if Private says so, see Unite for what was
// written before. Needs the writer's lock.
func (c *Catalog) Register(at Moment, inst *Instance) *Record {
	inst.Checks = slices.Clone(inst.Checks)
	c.sharing.instance(inst)
	if s := c.services.get(ServiceKey{inst.Namespace, inst.Service}); s != nil {
		inst.Namespace, inst.Service = s.key.Namespace, s.key.Service // Equal, but held once.
	}
	return c.write(at, &Record{Key: inst.Key(), Kind: KindRegistration, Registration: inst}, inst.Private)
}

// SetLease writes what the home says of an instance. Needs the writer's lock.
func (c *Catalog) SetLease(at Moment, key Key, l Lease) *Record {
	private := c.staysPrivate(key)
	if planted == "a lease is published whatever its registration says" {
		private = false
	}
	return c.write(at, &Record{Key: key, Kind: KindLease, Lease: &l}, private)
}

// SetOverride writes the operator's decision. Needs the writer's lock.
func (c *Catalog) SetOverride(at Moment, key Key, o Override) *Record {
	return c.write(at, &Record{Key: key, Kind: KindOverride, Override: &o}, c.staysPrivate(key))
}

// SetChecks writes what the checks of an instance have found: results of all of them, at most MaxChecks, which belong to
// the catalog afterwards. Outputs are cut so that all of them together stay below MaxRecordBytes. Needs the writer's lock.
func (c *Catalog) SetChecks(at Moment, key Key, results []CheckResult) *Record {
	for n := range results {
		results[n].Output = CutOutput(results[n].Output, MaxRecordBytes/len(results))
	}
	return c.write(at, &Record{Key: key, Kind: KindChecks, Checks: &Checks{Results: results}}, c.staysPrivate(key))
}

// Delete writes a tombstone into one register of an instance: the one that counts, where there is one on either side (see
// Unite). Needs the writer's lock.
func (c *Catalog) Delete(at Moment, key Key, kind Kind, why Deletion) *Record {
	return c.write(at, &Record{Key: key, Kind: kind, Deletion: why}, c.counts(key, kind))
}

// Bury writes a tombstone in the place of a record that is held. Needs the writer's lock.
func (c *Catalog) Bury(at Moment, old *Record, why Deletion) *Record {
	return c.write(at, &Record{Key: old.Key, Kind: old.Kind, Deletion: why}, old.Private())
}

func (c *Catalog) write(at Moment, rec *Record, private bool) *Record {
	return c.writeAs(at, rec, private, c.lamport+1)
}

// writeAs is write with a Lamport counter of the caller's.
func (c *Catalog) writeAs(at Moment, rec *Record, private bool, lamport uint64) *Record {
	rec.Stamp = causal.Stamp{Lamport: lamport, Dot: c.next(private)}
	rec.Wall = at.Wall.UnixMilli()
	if planted == "a Lamport counter for each key" {
		rec.Stamp.Lamport = 1
		if cur := c.register(rec.Key, rec.Kind, private); cur != nil {
			rec.Stamp.Lamport = cur.Stamp.Lamport + 1
		}
	}
	c.Apply(at, []*Record{rec})
	return rec
}

// Apply merges records of any origin, from anywhere, in any order, any number of times, and returns those whose dots
// were not covered before (which need not have won). Views are published once for all of them. The records belong to
// the catalog afterwards. Needs the writer's lock.
func (c *Catalog) Apply(at Moment, recs []*Record) (fresh []*Record) {
	c.batch++
	for _, rec := range recs {
		if c.vector.Covers(rec.Stamp.Dot) && planted != "a second copy is applied again" {
			continue
		}
		c.vector.Add(rec.Stamp.Dot)
		c.lamport = max(c.lamport, rec.Stamp.Lamport)
		fresh = append(fresh, rec)
		if cur := c.register(rec.Key, rec.Kind, rec.Private()); cur == nil || rec.Stamp.Wins(cur.Stamp) {
			c.put(at, rec, rec, causeOf(rec))
		}
	}
	c.publish()
	return fresh
}

func causeOf(rec *Record) Cause {
	switch rec.Deletion {
	case Evicted:
		return CauseEvicted
	case Deregistered:
		return CauseDeregistered
	default:
		return CauseWrite
	}
}

// register is the record in a register of one side, tombstone or not; nil if there is none.
func (c *Catalog) register(key Key, kind Kind, private bool) *Record {
	if svc := c.services.get(key.ServiceKey()); svc != nil {
		if s := svc.side(private)[key.ID]; s != nil {
			return s[kind]
		}
	}
	return nil
}

// Current is one instance, nil if there is none: what Get says, at half the price, and those that views leave out besides
// (see Hide). Needs the writer's lock.
func (c *Catalog) Current(key Key) *Instance {
	svc := c.services.get(key.ServiceKey())
	if svc == nil {
		return nil
	}
	if svc.private == nil {
		s := svc.entries[key.ID]
		if s == nil {
			return nil
		}
		if inst, ok := s.plain(c.away); ok {
			return inst
		}
	}
	return svc.known(key.ID, c.away)
}

// Len is the number of instances. Needs the writer's lock.
func (c *Catalog) Len() int { return c.instances }

// Registers is every record that is held for an instance, tombstones included: the public ones, then the private ones.
// Needs the writer's lock.
func (c *Catalog) Registers(key Key) []*Record {
	svc := c.services.get(key.ServiceKey())
	if svc == nil {
		return nil
	}
	var out []*Record
	for _, s := range []*slots{svc.entries[key.ID], svc.private[key.ID]} {
		if s == nil {
			continue
		}
		for _, r := range s {
			if r != nil {
				out = append(out, r)
			}
		}
	}
	return out
}

// put replaces what the register of a record holds (nil empties it) and brings everything that depends on it up to date:
// the only place where state changes.
func (c *Catalog) put(at Moment, of, rec *Record, cause Cause) {
	key := of.Key
	svc := c.services.get(key.ServiceKey())
	if svc == nil {
		svc = &service{key: key.ServiceKey(), entries: make(map[string]*slots)}
		svc.view.Store(&View{key: svc.key, index: c.last})
		c.services.put(svc)
		c.renewNone()
	}
	s := svc.open(key.ID, of.Private())
	before, ok := s.plain(c.away)
	if !ok || svc.private != nil {
		before = svc.known(key.ID, c.away)
	}
	if old := s[of.Kind]; old != nil {
		c.unlist(old)
	}
	s[of.Kind] = rec
	if rec != nil {
		c.list(at, rec)
	}
	var after *Instance
	if svc.private == nil {
		after = s.instance(c.away)
	} else if after = svc.instance(key.ID, c.away); after != nil && rec != nil {
		cause = CauseWrite // Its end on one side is none on the other.
	}
	if s.empty() {
		svc.close(key.ID, of.Private())
	}
	c.show(at, svc, key, before, after, cause)
}

// known is an instance as it was last shown, or, if the view leaves it out, as its registers have it.
func (s *service) known(id string, away map[string]time.Time) *Instance {
	inst, _ := s.latest().Instance(id)
	if inst == nil && s.left > 0 {
		return s.instance(id, away)
	}
	return inst
}

// show puts an instance as it is now into the draft of its service's next view, or takes it out if nobody is to see it.
// Whoever drives the catalog is told of what has become of the instance, readers of what has become of their view of it.
func (c *Catalog) show(at Moment, svc *service, key Key, before, after *Instance, cause Cause) {
	if svc.draft == nil {
		c.dirty = append(c.dirty, svc)
		svc.draft = svc.view.Load().draft()
	}
	if before == nil && after == nil {
		return
	}
	shown, next := c.seen(svc, key.ID, before, after)
	if shown != nil || next != nil {
		c.last = c.last.next(at.Wall, c.tag)
		svc.draft.set(key.ID, next, c.last, c.batch)
		seen := Change{Key: key, Index: c.last, Old: shown, New: next, Cause: cause}
		if next == nil && after != nil {
			seen.Cause = CauseHidden
		}
		c.history.add(seen)
	}
	if before == after && (shown == nil) != (next == nil) {
		return // It has only come into sight, or gone.
	}
	switch {
	case before == nil:
		c.instances++
	case after == nil:
		c.instances--
	}
	c.changes = append(c.changes, Change{Key: key, Index: c.last, Old: before, New: after, Cause: cause})
}

func (s *service) latest() *View {
	if s.draft != nil {
		return s.draft
	}
	return s.view.Load()
}

// list adds a record to its origin's log and to the state hash.
func (c *Catalog) list(at Moment, rec *Record) {
	o := rec.Stamp.Dot.Origin
	l := c.logs[o]
	if l == nil {
		l = &originLog{}
		c.logs[o] = l
	}
	l.put(rec)
	if rec.Deleted() {
		c.buried++
		c.tombstones = append(c.tombstones, buried{rec, at.Mono})
	} else {
		c.hash += rec.Stamp.Dot.Hash()
	}
	if o.IsPrivate() {
		c.private.list(rec)
	}
}

// unlist is the opposite of list.
func (c *Catalog) unlist(rec *Record) {
	o := rec.Stamp.Dot.Origin
	l := c.logs[o]
	l.remove(rec.Stamp.Dot.Seq)
	if l.len() == 0 {
		delete(c.logs, o)
	}
	if rec.Deleted() {
		c.buried--
	} else {
		c.hash -= rec.Stamp.Dot.Hash()
	}
	if o.IsPrivate() {
		c.private.unlist(rec)
	}
}

// publish lets readers see what the batch has changed, and wakes those who wait for it.
func (c *Catalog) publish() {
	if len(c.dirty) == 0 {
		return
	}
	for _, svc := range c.dirty {
		old := svc.view.Swap(svc.draft)
		if (old.n > 0) != (svc.draft.n > 0) {
			c.populated += sign(svc.draft.n > 0)
		}
		if len(svc.entries)+len(svc.private) == 0 {
			c.services.remove(svc.key)
			c.renewNone()
		}
		old.replaced.done()
		svc.draft = nil
	}
	clear(c.dirty)
	c.dirty = c.dirty[:0]
	c.index.Store(uint64(c.last))
	c.changed.Swap(&notice{}).done()
}

func sign(up bool) int {
	if up {
		return 1
	}
	return -1
}

// renewNone replaces the view that unknown services have, so that whoever waits for one looks again.
func (c *Catalog) renewNone() {
	if old := c.none.Swap(&View{index: c.last}); old != nil {
		old.replaced.done()
	}
}

// TakeChanges is every change since the last call, in order. For the one who drives the catalog; needs the writer's
// lock.
func (c *Catalog) TakeChanges() []Change {
	ch := c.changes
	c.changes = nil
	return ch
}

// Lookup is the latest view of a service; an empty one, which has no name, if nothing is known of it. Never nil, never
// allocates, never waits. For any goroutine.
func (c *Catalog) Lookup(namespace, name string) *View {
	if svc := c.services.get(ServiceKey{namespace, name}); svc != nil {
		return svc.view.Load()
	}
	return c.none.Load()
}

// Get is one instance and when it last changed; nil and 0 if there is none. For any goroutine.
func (c *Catalog) Get(key Key) (*Instance, Index) {
	return c.Lookup(key.Namespace, key.Service).Instance(key.ID)
}

// Index is when anything last changed. For any goroutine.
func (c *Catalog) Index() Index { return Index(c.index.Load()) }

// Changed is closed once anything is newer than at the moment of the call. For any goroutine: take it first, then look.
func (c *Catalog) Changed() <-chan struct{} { return c.changed.Load().wait() }

// Since is every change after that index, oldest first, for a watcher that goes on; false if it cannot go on and has to
// take a snapshot: too much has happened, or the index is not of this node and life. For any goroutine.
func (c *Catalog) Since(i Index) ([]Change, bool) {
	if now := c.Index(); i&indexTagMask != now&indexTagMask || i > now {
		return nil, false
	}
	return c.history.since(i)
}

// Overview is every service that has instances, as of one moment. Shared: do not change it.
type Overview struct {
	Index    Index
	Services []*View // by namespace, then name
}

// Services is the list of services that have instances. The same Overview is returned until something changes. For any
// goroutine; the first call after a change costs the number of services.
func (c *Catalog) Services() *Overview {
	at := c.Index()
	if o := c.overview.Load(); o != nil && o.Index == at {
		return o
	}
	o := &Overview{Index: at}
	for svc := range c.services.all() {
		if v := svc.view.Load(); v.Len() > 0 {
			o.Services = append(o.Services, v)
		}
	}
	slices.SortFunc(o.Services, func(a, b *View) int { return a.key.Compare(b.key) })
	c.overview.Store(o)
	return o
}

// Keys names every service that has instances, those that no view shows among them, in order. Needs the writer's lock.
func (c *Catalog) Keys() []ServiceKey {
	var keys []ServiceKey
	for svc := range c.services.all() {
		if svc.view.Load().Len()+svc.left > 0 {
			keys = append(keys, svc.key)
		}
	}
	slices.SortFunc(keys, ServiceKey.Compare)
	return keys
}

// Stats is the size of a catalog. Services counts those that have instances to be seen, Instances all that are held.
type Stats struct {
	Services, Instances, Tombstones int
	// Records counts every register that holds something, tombstones included.
	Records int
	Origins int
}

// Stats counts. Needs the writer's lock.
func (c *Catalog) Stats() Stats {
	s := Stats{Services: c.populated, Instances: c.instances, Tombstones: c.buried, Origins: c.vector.Len()}
	for _, l := range c.logs {
		s.Records += l.len()
	}
	return s
}

// Hash is the state hash: the wrapping sum of the hashes of the dots of all live records. Equal vectors have equal
// hashes. Needs the writer's lock.
func (c *Catalog) Hash() uint64 { return c.hash }

// Vector is what this catalog covers. It belongs to the catalog: clone it before the lock is released. Needs the
// writer's lock.
func (c *Catalog) Vector() *causal.Vector { return &c.vector }

// Covers reports whether a write has been taken into account. Needs the writer's lock.
func (c *Catalog) Covers(d causal.Dot) bool { return c.vector.Covers(d) }

// Record is the record with that dot, nil if it is not held. Needs the writer's lock.
func (c *Catalog) Record(d causal.Dot) *Record {
	if l := c.logs[d.Origin]; l != nil {
		return l.get(d.Seq)
	}
	return nil
}

// Records is every record that is held, tombstones included, by origin and sequence. Needs the writer's lock.
func (c *Catalog) Records() []*Record {
	var out []*Record
	for _, o := range slices.SortedFunc(maps.Keys(c.logs), causal.Origin.Compare) {
		out = c.logs[o].within(out, causal.Range{First: 1, Last: ^uint64(0)})
	}
	return out
}
