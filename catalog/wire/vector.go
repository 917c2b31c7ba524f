package wire

import (
	"maps"
	"slices"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
)

const (
	vectorFields  = 3
	summaryFields = 4
)

// maxOrigins bounds the origins of one vector; maxRuns the runs of one origin.
const (
	maxOrigins = 1 << 20
	maxRuns    = 1 << 24
)

// AppendVector appends a version vector to dst: about 20 bytes an origin, and 2 to 4 more a gap.
func AppendVector(dst []byte, v *causal.Vector) []byte {
	return appendTo(dst, func(w *writer) { w.vector(v) })
}

func (w *writer) vector(v *causal.Vector) {
	w.array(v.Len())
	for o, runs := range v.All() {
		w.array(vectorFields)
		w.str(o.Node)
		w.uint(o.Incarnation)
		w.array(2 * len(runs))
		next := uint64(1) // the first sequence that the next run could start at
		for _, r := range runs {
			w.uint(r.First - next)
			w.uint(r.Last - r.First)
			next = r.Last + 1
		}
	}
}

// Vector decodes a version vector.
func (d *Decoder) Vector(b []byte) (*causal.Vector, error) {
	d.start(b)
	v := d.vector()
	if err := d.end(); err != nil {
		return nil, err
	}
	return v, nil
}

func (d *Decoder) vector() *causal.Vector {
	v := &causal.Vector{}
	for range d.array(0, maxOrigins) {
		n := d.array(vectorFields, maxFields)
		o := d.origin()
		pairs := d.pairs(maxRuns)
		next := uint64(1)
		for i := range pairs {
			gap, length := d.uint(^uint64(0)), d.uint(^uint64(0))
			first := next + gap
			last := first + length
			if d.err != nil || first < next || last < first || last == ^uint64(0) && i < pairs-1 || i > 0 && gap == 0 {
				d.fail("runs of %v are not in order", o)
				return v
			}
			v.AddRange(o, causal.Range{First: first, Last: last})
			next = last + 1
		}
		d.skip(n - vectorFields)
	}
	return v
}

func (d *Decoder) origin() causal.Origin {
	o := causal.Origin{Node: d.name(2*catalog.MaxNameBytes + 1), Incarnation: d.uint(^uint64(0))}
	if d.err == nil && o.Node == "" {
		d.fail("an origin without a node")
	}
	return o
}

// AppendSummary appends the end of a sync to dst.
func AppendSummary(dst []byte, s catalog.Summary) []byte {
	return appendTo(dst, func(w *writer) { w.summary(s) })
}

func (w *writer) summary(s catalog.Summary) {
	w.array(summaryFields)
	w.uint(s.Lamport)
	w.vector(s.Vector)
	w.array(3 * len(s.Floors))
	for _, o := range slices.SortedFunc(maps.Keys(s.Floors), causal.Origin.Compare) {
		w.str(o.Node)
		w.uint(o.Incarnation)
		w.uint(s.Floors[o])
	}
	if s.Held == nil {
		w.nil()
		return
	}
	w.vector(s.Held)
}

// Summary decodes the end of a sync.
func (d *Decoder) Summary(b []byte) (catalog.Summary, error) {
	d.start(b)
	s := d.summary()
	if err := d.end(); err != nil {
		return catalog.Summary{}, err
	}
	return s, nil
}

func (d *Decoder) summary() catalog.Summary {
	n := d.array(summaryFields, maxFields)
	s := catalog.Summary{Lamport: d.uint(maxLamport), Vector: d.vector(), Floors: make(map[causal.Origin]uint64)}
	floors := d.array(0, 3*maxOrigins)
	if floors%3 != 0 {
		d.fail("floors of %d fields", floors)
	}
	for range floors / 3 {
		o := d.origin()
		s.Floors[o] = d.uint(^uint64(0))
	}
	if !d.isNil() {
		s.Held = d.vector()
	}
	d.skip(n - summaryFields)
	return s
}
