package spread

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/musterhq/muster/catalog/causal"
)

// cache holds recent bodies, so that a peer can be given a write even after a later one has replaced it in the store.
// Oldest out first: above maxDots of one origin, above maxBytes in total, after maxAge. They come and go in batches, as
// they came in frames: a busy node handles ten times as many deltas as frames.
type cache struct {
	maxDots, maxBytes int
	maxAge            Instant

	by    map[causal.Origin]*recent
	queue []*batch // In order of arrival; some have gone already.
	stale int      // How many of them.
	len   int
	bytes int
	// expires is when the oldest may go; of use only while len is above 0.
	expires Instant
}

// recent is what the cache holds of one origin.
type recent struct {
	origin  causal.Origin
	root    string
	batches []*batch // In order of arrival.
	dots    int
	head    uint64 // The highest sequence held since the origin was first seen here.
}

// batch is deltas that came in one frame, in order, with bodies of their own.
type batch struct {
	of     *recent
	at     Instant
	deltas []Delta
	bytes  int // What they cost.
	gone   bool
}

// find is the body of that sequence; false if it is not in the batch.
func (b *batch) find(seq uint64) ([]byte, bool) {
	if seq < b.deltas[0].Seq || seq > b.deltas[len(b.deltas)-1].Seq {
		return nil, false
	}
	i, held := slices.BinarySearchFunc(b.deltas, seq, func(d Delta, seq uint64) int { return cmp.Compare(d.Seq, seq) })
	if !held {
		return nil, false
	}
	return b.deltas[i].Body, true
}

// find is the body of that sequence, the latest if it came twice.
func (r *recent) find(seq uint64) ([]byte, bool) {
	for _, b := range slices.Backward(r.batches) {
		if body, held := b.find(seq); held {
			return body, true
		}
	}
	return nil, false
}

// cost is what a body counts in the cache: its bytes, and about as many as the rest of it takes.
func cost(body []byte) int { return len(body) + 64 }

// batches is how many batches the cache holds at least, when it is full.
const batches = 8

// add keeps the frame's bodies: copies of those that were received, which are parts of whole packets and would keep them
// alive, and the own ones as they are.
func (c *cache) add(now Instant, f Frame, own bool) {
	r := c.by[f.Origin]
	if r == nil {
		if c.by == nil {
			c.by = make(map[causal.Origin]*recent)
		}
		r = &recent{origin: f.Origin}
		c.by[f.Origin] = r
	}
	r.root = f.Root
	for deltas := f.Deltas; len(deltas) > 0; {
		n, bytes := 0, 0
		for n < len(deltas) && n < c.maxDots && (n == 0 || bytes+cost(deltas[n].Body) <= c.maxBytes/batches) {
			bytes += cost(deltas[n].Body)
			n++
		}
		b := &batch{of: r, at: now, deltas: deltas[:n:n], bytes: bytes}
		if !own {
			b.deltas = copyOf(b.deltas, bytes-n*cost(nil))
		}
		c.keep(r, b)
		deltas = deltas[n:]
	}
	if len(r.batches) == 0 {
		delete(c.by, f.Origin)
	}
}

// copyOf is deltas with bodies, of that many bytes in all, in a piece of memory of their own.
func copyOf(deltas []Delta, bytes int) []Delta {
	copies, bodies := make([]Delta, len(deltas)), make([]byte, 0, bytes)
	for i, d := range deltas {
		start := len(bodies)
		bodies = append(bodies, d.Body...)
		copies[i] = Delta{d.Seq, bodies[start:len(bodies):len(bodies)]}
	}
	return copies
}

// keep takes a batch in, and as many out as it takes.
func (c *cache) keep(r *recent, b *batch) {
	if b.bytes > c.maxBytes {
		return
	}
	if c.len == 0 {
		c.expires = b.at + c.maxAge
	}
	r.batches = append(r.batches, b)
	r.dots += len(b.deltas)
	r.head = max(r.head, b.deltas[len(b.deltas)-1].Seq)
	c.queue = append(c.queue, b)
	c.len += len(b.deltas)
	c.bytes += b.bytes
	for r.dots > c.maxDots {
		c.forget(r)
		c.stale++
	}
	for c.bytes > c.maxBytes {
		c.shift()
	}
	if c.stale > len(c.queue)/2+64 {
		c.queue = slices.DeleteFunc(c.queue, func(b *batch) bool { return b.gone })
		c.stale = 0
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

// shift takes the front off the queue, and out of the cache unless it has gone already.
func (c *cache) shift() {
	b := c.queue[0]
	c.queue[0] = nil
	c.queue = c.queue[1:]
	if b.gone {
		c.stale--
	} else {
		// The queue restricted to one origin is that origin's order, so this is its oldest.
		c.forget(b.of)
	}
	if len(c.queue) == 0 {
		c.queue = nil
	}
}

// forget drops the oldest batch of an origin, and the origin with its last one.
func (c *cache) forget(r *recent) {
	b := r.batches[0]
	r.batches[0] = nil
	r.batches = r.batches[1:]
	b.gone = true
	r.dots -= len(b.deltas)
	c.len -= len(b.deltas)
	c.bytes -= b.bytes
	if len(r.batches) == 0 {
		r.batches = nil
		delete(c.by, r.origin)
	}
}

// body is the cached record with this dot.
func (c *cache) body(d causal.Dot) ([]byte, bool) {
	if r := c.by[d.Origin]; r != nil {
		return r.find(d.Seq)
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
	if _, held := r.find(r.head); !held {
		return causal.Range{}
	}
	for run.Last-run.First+1 < limit {
		if _, held := r.find(run.First - 1); !held {
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
