package spread

import (
	"cmp"
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

	by    map[causal.Origin]*recent
	queue []arrival // In order; some of what arrived has gone already.
	len   int
	bytes int
	// expires is when the oldest may go; of use only while len is above 0.
	expires Instant
}

// recent is what the cache holds of one origin.
type recent struct {
	origin causal.Origin
	root   string
	bodies []cached // In order of sequence.
	oldest []uint64 // Their sequences in order of arrival.
	head   uint64   // The highest sequence held since the origin was first seen here.
}

// cached is one body.
type cached struct {
	seq  uint64
	body []byte
	at   Instant
}

// find is where a sequence is held, or would be.
func (r *recent) find(seq uint64) (int, bool) {
	if n := len(r.bodies); n == 0 || r.bodies[n-1].seq < seq {
		return n, false // The usual question is about the next one.
	}
	return slices.BinarySearchFunc(r.bodies, seq, func(c cached, seq uint64) int { return cmp.Compare(c.seq, seq) })
}

// arrival is one body in the order of the queue. What has gone since and come again is told from it by the time, unless
// both happened at once; then the later one goes in the place of the earlier.
type arrival struct {
	of  *recent
	seq uint64
	at  Instant
}

// cost is what a body counts in the cache: its bytes, and about as many as its entries in the index and queue take.
func cost(body []byte) int { return len(body) + 64 }

// add keeps copies of the frame's bodies, in one piece: the originals are parts of whole packets, which would be kept
// alive.
func (c *cache) add(now Instant, f Frame) {
	r := c.by[f.Origin]
	if r == nil {
		if c.by == nil {
			c.by = make(map[causal.Origin]*recent)
		}
		r = &recent{origin: f.Origin}
		c.by[f.Origin] = r
	}
	r.root = f.Root
	if c.len == 0 {
		c.expires = now + c.maxAge
	}
	size := 0
	for _, d := range f.Deltas {
		size += len(d.Body)
	}
	copies := make([]byte, 0, size)
	for _, d := range f.Deltas {
		i, held := r.find(d.Seq)
		if held || cost(d.Body) > c.maxBytes {
			continue
		}
		start := len(copies)
		copies = append(copies, d.Body...)
		r.bodies = slices.Insert(r.bodies, i, cached{d.Seq, copies[start:len(copies):len(copies)], now})
		r.oldest = append(r.oldest, d.Seq)
		r.head = max(r.head, d.Seq)
		c.queue = append(c.queue, arrival{r, d.Seq, now})
		c.len++
		c.bytes += cost(d.Body)
		if len(r.oldest) > c.maxDots {
			c.forget(r)
		}
	}
	for c.bytes > c.maxBytes {
		c.shift()
	}
	if len(r.oldest) == 0 {
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
	c.queue[0] = arrival{}
	c.queue = c.queue[1:]
	if c.held(a) {
		// The queue restricted to one origin is that origin's order, so this is its oldest.
		c.forget(a.of)
	}
	if len(c.queue) == 0 {
		c.queue = nil
	}
}

// forget drops the oldest body of an origin, and the origin with its last one.
func (c *cache) forget(r *recent) {
	i, _ := r.find(r.oldest[0])
	r.oldest = r.oldest[1:]
	c.bytes -= cost(r.bodies[i].body)
	c.len--
	if i == 0 { // The usual case: they came in order.
		r.bodies[0] = cached{}
		r.bodies = r.bodies[1:]
	} else {
		r.bodies = slices.Delete(r.bodies, i, i+1)
	}
	if len(r.bodies) == 0 {
		delete(c.by, r.origin)
	}
}

// held reports whether what arrived then is still here.
func (c *cache) held(a arrival) bool {
	i, held := a.of.find(a.seq)
	return held && a.of.bodies[i].at == a.at
}

// body is the cached record with this dot.
func (c *cache) body(d causal.Dot) ([]byte, bool) {
	if r := c.by[d.Origin]; r != nil {
		if i, held := r.find(d.Seq); held {
			return r.bodies[i].body, true
		}
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
	i, held := r.find(r.head)
	if !held {
		return causal.Range{}
	}
	for i > 0 && run.Last-run.First+1 < limit && r.bodies[i-1].seq == run.First-1 {
		i--
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
