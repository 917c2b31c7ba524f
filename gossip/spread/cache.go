package spread

import (
	"maps"
	"slices"
	"time"

	"github.com/musterhq/muster/catalog/causal"
)

// cache holds recent bodies, so that a peer can be given a write even after a later one has replaced it in the store.
// Oldest out first: above maxDots of one origin, above maxBytes in total, after maxAge.
type cache struct {
	maxDots, maxBytes int
	maxAge            Instant

	by     map[causal.Origin]*recent
	queue  []arrival // In order; some of what arrived has gone already.
	serial uint64    // Of the last arrival.
	len    int
	bytes  int
	// expires is when the oldest may go; of use only while len is above 0.
	expires Instant
}

// recent is what the cache holds of one origin.
type recent struct {
	root   string
	bodies map[uint64]cached
	order  []uint64 // Sequences in order of arrival.
	head   uint64   // The highest sequence held since the origin was first seen here.
}

// cached is one body. Its serial tells it from one with the same dot that came and went before.
type cached struct {
	body   []byte
	serial uint64
}

type arrival struct {
	dot    causal.Dot
	serial uint64
	at     Instant
}

// cost is what a body counts in the cache: its bytes, and about as many as its entries in the index and queue take.
func cost(body []byte) int { return len(body) + 64 }

// add keeps copies of the frame's bodies: the originals are parts of whole packets, which would be kept alive.
func (c *cache) add(now Instant, f Frame) {
	r := c.by[f.Origin]
	if r == nil {
		if c.by == nil {
			c.by = make(map[causal.Origin]*recent)
		}
		r = &recent{bodies: make(map[uint64]cached)}
		c.by[f.Origin] = r
	}
	r.root = f.Root
	if c.len == 0 {
		c.expires = now + c.maxAge
	}
	for _, d := range f.Deltas {
		if _, held := r.bodies[d.Seq]; held || cost(d.Body) > c.maxBytes {
			continue
		}
		c.serial++
		r.bodies[d.Seq] = cached{slices.Clone(d.Body), c.serial}
		r.order = append(r.order, d.Seq)
		r.head = max(r.head, d.Seq)
		c.queue = append(c.queue, arrival{causal.Dot{Origin: f.Origin, Seq: d.Seq}, c.serial, now})
		c.len++
		c.bytes += cost(d.Body)
		if len(r.order) > c.maxDots {
			c.forget(f.Origin, r)
		}
	}
	for c.bytes > c.maxBytes {
		c.shift()
	}
	if len(r.order) == 0 {
		delete(c.by, f.Origin)
	}
	if len(c.queue) > 2*c.len+64 {
		c.queue = slices.DeleteFunc(c.queue, func(a arrival) bool { return !c.held(a) })
	}
}

// expire drops what is too old. It runs once a second at most, so that a steady stream does not keep a timer busy.
func (c *cache) expire(now Instant) {
	if c.len == 0 || now < c.expires {
		return
	}
	for len(c.queue) > 0 && c.queue[0].at+c.maxAge <= now {
		c.shift()
	}
	if len(c.queue) > 0 {
		c.expires = max(c.queue[0].at+c.maxAge, now+time.Second)
	}
}

// shift takes the front off the queue, and what it names out of the cache unless it has gone already.
func (c *cache) shift() {
	a := c.queue[0]
	c.queue = c.queue[1:]
	if c.held(a) {
		// The queue restricted to one origin is that origin's order, so this is its oldest.
		c.forget(a.dot.Origin, c.by[a.dot.Origin])
	}
	if len(c.queue) == 0 {
		c.queue = nil
	}
}

// forget drops the oldest body of an origin, and the origin with its last one.
func (c *cache) forget(o causal.Origin, r *recent) {
	seq := r.order[0]
	r.order = r.order[1:]
	c.bytes -= cost(r.bodies[seq].body)
	c.len--
	delete(r.bodies, seq)
	if len(r.order) == 0 {
		delete(c.by, o)
	}
}

// held reports whether what arrived then is still here.
func (c *cache) held(a arrival) bool {
	r := c.by[a.dot.Origin]
	return r != nil && r.bodies[a.dot.Seq].serial == a.serial
}

// body is the cached record with this dot.
func (c *cache) body(d causal.Dot) ([]byte, bool) {
	if r := c.by[d.Origin]; r != nil {
		b, ok := r.bodies[d.Seq]
		return b.body, ok
	}
	return nil, false
}

// root is the root by which an origin's writes came; empty if it is the origin's node or not known.
func (c *cache) root(o causal.Origin) string {
	if r := c.by[o]; r != nil {
		return r.root
	}
	return ""
}

// newest is the run of at most limit held sequences that ends at the highest; the zero Range, which is none, if the
// highest has gone.
func (c *cache) newest(o causal.Origin, limit uint64) causal.Range {
	r := c.by[o]
	if r == nil {
		return causal.Range{}
	}
	run := causal.Range{First: r.head, Last: r.head}
	if _, ok := r.bodies[r.head]; !ok {
		return causal.Range{}
	}
	for run.Last-run.First+1 < limit {
		if _, ok := r.bodies[run.First-1]; !ok {
			break
		}
		run.First--
	}
	return run
}

// originsOf lists the origins of one node of which something is held, in order.
func (c *cache) originsOf(node string) []causal.Origin {
	return slices.SortedFunc(func(yield func(causal.Origin) bool) {
		for o := range maps.Keys(c.by) {
			if o.Node == node && !yield(o) {
				return
			}
		}
	}, causal.Origin.Compare)
}
