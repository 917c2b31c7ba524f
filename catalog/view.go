package catalog

import (
	"iter"
	"slices"
	"sort"
	"sync/atomic"
)

// View is one service as it was at one moment: its instances in the order of their ids. Immutable; safe for any number
// of goroutines; valid for ever, though soon of the past (see Changed). It is not a cache: asking again costs a lookup.
// The zero View is an empty service of no name.
type View struct {
	key    ServiceKey
	index  Index
	n, up  int
	chunks []*chunk

	flat     atomic.Pointer[[]*Instance]
	memo     [memos]atomic.Pointer[[]byte]
	replaced notice
}

// memos is how many encoded forms a view keeps: one for each dialect that pre-encodes, with room.
const memos = 8

// chunk is a run of a service's instances. Views of one service share the chunks that did not change between them, so
// that a change costs a chunk and the list of chunks, not the service.
type chunk struct {
	inst  []*Instance
	index []Index // index[i] is when inst[i] last changed
	batch uint64  // the batch of writes that made it and may still change it; see Catalog.begin
}

// chunkLimit is the most instances of a chunk in a service of n. A change copies a chunk, 16 bytes an instance, and the
// list of chunks, 8 bytes each: together the least where a chunk holds the square root of half of the instances. A service
// of few is one chunk, so that its instances are there in one piece.
func chunkLimit(n int) int {
	switch {
	case n <= whole:
		return whole
	case n <= 512:
		return 16
	case n <= 2048:
		return 32
	case n <= 8192:
		return 64
	case n <= 32768:
		return 128
	default:
		return chunkMax
	}
}

// whole is the most instances of a service that is one chunk.
const whole = 32

// chunkMax is the most instances of any chunk.
const chunkMax = 256

// Namespace and Service name what the view is of.
func (v *View) Namespace() string { return v.key.Namespace }

// Service is the service's name.
func (v *View) Service() string { return v.key.Service }

// Index is when the service last changed.
func (v *View) Index() Index { return v.index }

// Len is the number of instances, Up how many of them have status UP.
func (v *View) Len() int { return v.n }

// Up is the number of instances with status UP.
func (v *View) Up() int { return v.up }

// Instances is every instance in the order of their ids; nil if there are none. The slice and what it points to are
// shared: do not change them. The first call on a view of more than 32 instances allocates; later ones do not.
func (v *View) Instances() []*Instance {
	switch len(v.chunks) {
	case 0:
		return nil
	case 1:
		return v.chunks[0].inst
	}
	if f := v.flat.Load(); f != nil {
		return *f
	}
	f := make([]*Instance, 0, v.n)
	for _, c := range v.chunks {
		f = append(f, c.inst...)
	}
	v.flat.Store(&f)
	return f
}

// Instance is the instance with that id and when it last changed; nil and 0 if there is none.
func (v *View) Instance(id string) (*Instance, Index) {
	c := v.find(id)
	if c == len(v.chunks) {
		return nil, 0
	}
	if i, ok := v.chunks[c].find(id); ok {
		return v.chunks[c].inst[i], v.chunks[c].index[i]
	}
	return nil, 0
}

// All yields every instance in the order of their ids, with when it last changed.
func (v *View) All() iter.Seq2[*Instance, Index] {
	return func(yield func(*Instance, Index) bool) {
		for _, c := range v.chunks {
			for i, inst := range c.inst {
				if !yield(inst, c.index[i]) {
					return
				}
			}
		}
	}
}

// Changed is closed once a newer view of the service exists.
func (v *View) Changed() <-chan struct{} { return v.replaced.wait() }

// Memo returns the bytes kept under slot (0 to 7; each dialect owns one), making them at the first call. Two goroutines
// that come first together may both make them; encode must not depend on who asks.
func (v *View) Memo(slot int, encode func(*View) []byte) []byte {
	if b := v.memo[slot].Load(); b != nil {
		return *b
	}
	b := encode(v)
	v.memo[slot].Store(&b)
	return b
}

// find is the position of the chunk that holds id, or would: the first whose last id is not below it.
func (v *View) find(id string) int {
	return sort.Search(len(v.chunks), func(i int) bool {
		inst := v.chunks[i].inst
		return inst[len(inst)-1].ID >= id
	})
}

func (c *chunk) find(id string) (int, bool) {
	i := sort.Search(len(c.inst), func(i int) bool { return c.inst[i].ID >= id })
	return i, i < len(c.inst) && c.inst[i].ID == id
}

// draft is a view that may still be changed: it owns its list of chunks, and the chunks marked with its batch.
func (v *View) draft() *View {
	return &View{key: v.key, index: v.index, n: v.n, up: v.up, chunks: slices.Clone(v.chunks)}
}

// set puts inst in place of the instance with its id, or removes the one with id if inst is nil. For drafts only.
func (v *View) set(id string, inst *Instance, at Index, batch uint64) {
	v.index = at
	pos := v.find(id)
	if pos == len(v.chunks) {
		if inst == nil {
			return
		}
		if pos--; pos < 0 {
			v.chunks = append(v.chunks, &chunk{inst: []*Instance{inst}, index: []Index{at}, batch: batch})
			v.count(nil, inst)
			return
		}
	}
	c := v.chunks[pos]
	i, found := c.find(id)
	if inst == nil && !found {
		return
	}
	if c.batch != batch {
		c = &chunk{
			inst:  append(make([]*Instance, 0, len(c.inst)+1), c.inst...),
			index: append(make([]Index, 0, len(c.index)+1), c.index...),
			batch: batch,
		}
		v.chunks[pos] = c
	}
	switch {
	case inst == nil:
		v.count(c.inst[i], nil)
		c.inst, c.index = slices.Delete(c.inst, i, i+1), slices.Delete(c.index, i, i+1)
		if len(c.inst) == 0 {
			v.chunks = slices.Delete(v.chunks, pos, pos+1)
		}
	case found:
		v.count(c.inst[i], inst)
		c.inst[i], c.index[i] = inst, at
	default:
		v.count(nil, inst)
		c.inst, c.index = slices.Insert(c.inst, i, inst), slices.Insert(c.index, i, at)
		if len(c.inst) > chunkLimit(v.n) {
			v.split(pos, i)
		}
	}
}

// split halves the chunk at pos, or, when it grew at its end as a service filled in order does, leaves it nearly full.
func (v *View) split(pos, grewAt int) {
	c := v.chunks[pos]
	at := len(c.inst) / 2
	if grewAt == len(c.inst)-1 {
		at = len(c.inst) - 1
	}
	right := &chunk{inst: slices.Clone(c.inst[at:]), index: slices.Clone(c.index[at:]), batch: c.batch}
	c.inst, c.index = slices.Delete(c.inst, at, len(c.inst)), slices.Delete(c.index, at, len(c.index))
	v.chunks = slices.Insert(v.chunks, pos+1, right)
}

func (v *View) count(old, inst *Instance) {
	if old != nil {
		v.n--
		if old.Healthy() {
			v.up--
		}
	}
	if inst != nil {
		v.n++
		if inst.Healthy() {
			v.up++
		}
	}
}

// notice is a channel that is made when someone first waits and closed when the wait is over. The zero notice is open.
type notice struct{ ch atomic.Pointer[chan struct{}] }

var over = func() *chan struct{} {
	ch := make(chan struct{})
	close(ch)
	return &ch
}()

func (n *notice) wait() <-chan struct{} {
	for {
		if ch := n.ch.Load(); ch != nil {
			return *ch
		}
		ch := make(chan struct{})
		if n.ch.CompareAndSwap(nil, &ch) {
			return ch
		}
	}
}

// done ends the wait. Called once.
func (n *notice) done() {
	if ch := n.ch.Swap(over); ch != nil {
		close(*ch)
	}
}
