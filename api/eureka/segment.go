package eureka

import (
	"cmp"
	"slices"
	"sync/atomic"

	"github.com/musterhq/muster"
)

// entry is an instance at its place in the registry.
type entry struct {
	app  string
	inst *muster.Instance
}

// compare orders entries by application, service and id: -1, 0 or +1.
func (e entry) compare(f entry) int {
	return cmp.Or(cmp.Compare(e.app, f.app), cmp.Compare(e.inst.Service, f.inst.Service), cmp.Compare(e.inst.ID, f.inst.ID))
}

// segmentMax is the most entries of a segment. A change encodes one entry and copies the rest of its segment; an answer
// is written segment by segment.
const segmentMax = 128

// segment is a run of the registry: its entries in order, and their bytes in the forms that someone has asked for.
// Immutable but for those; shared by the registries between which it did not change. Never empty.
type segment struct {
	entries []entry
	encoded [forms]atomic.Pointer[encoded]
}

// encoded is a segment in one form: the instances, with what stands before each of them.
type encoded struct {
	before   string // the application of the instance before the segment, empty if there is none
	bytes    []byte
	spans    []span // of each instance in bytes
	deflated atomic.Pointer[[]byte]
}

type span struct{ from, to int }

// last is the application of its last entry.
func (s *segment) last() string { return s.entries[len(s.entries)-1].app }

// actionAdded is what a full answer says of every instance, as Eureka's servers do.
const actionAdded = "ADDED"

// in is the segment in a form, as it is written after an instance of the application before. Two goroutines that come
// first together may both make it.
func (s *segment) in(f form, before string) *encoded {
	e := s.encoded[f].Load()
	if e == nil || e.before != before {
		e = s.encode(f, before, s)
		s.encoded[f].Store(e)
	}
	return e
}

// whatever is the segment in a form, for those who look at its instances one by one.
func (s *segment) whatever(f form) *encoded {
	if e := s.encoded[f].Load(); e != nil {
		return e
	}
	return s.in(f, "")
}

// encode makes the segment's bytes. Instances that old, which may be the segment itself, has encoded are copied.
func (s *segment) encode(f form, before string, old *segment) *encoded {
	e := &encoded{before: before, spans: make([]span, len(s.entries))}
	from := old.encoded[f].Load()
	if from != nil {
		e.bytes = make([]byte, 0, len(from.bytes)+2048)
	}
	at := 0
	for n, entry := range s.entries {
		e.bytes = f.appendBetween(e.bytes, before, entry.app)
		before = entry.app
		e.spans[n].from = len(e.bytes)
		if from != nil {
			for at < len(old.entries) && old.entries[at].compare(entry) < 0 {
				at++
			}
		}
		if from != nil && at < len(old.entries) && old.entries[at].inst == entry.inst {
			e.bytes = append(e.bytes, from.bytes[from.spans[at].from:from.spans[at].to]...)
		} else {
			i := describe(entry.inst)
			e.bytes = f.appendInstance(e.bytes, &i, actionAdded)
		}
		e.spans[n].to = len(e.bytes)
	}
	if from == nil {
		e.bytes = slices.Clip(e.bytes)
	}
	return e
}

// follow encodes what old has encoded, so that whoever reads next finds it done but for what changed.
func (s *segment) follow(old *segment) {
	for f := range forms {
		if e := old.encoded[f].Load(); e != nil {
			s.encoded[f].Store(s.encode(f, e.before, old))
		}
	}
}

// deflate is the segment's bytes compressed on their own, as a run of whole deflate blocks: see pieces.gzip.
func (e *encoded) deflate() []byte {
	if d := e.deflated.Load(); d != nil {
		return *d
	}
	d := deflate(e.bytes)
	e.deflated.Store(&d)
	return d
}
