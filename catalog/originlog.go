package catalog

import (
	"cmp"
	"slices"

	"github.com/musterhq/muster/catalog/causal"
)

// originLog is the records that are held of one origin, in the order of their sequences: what a sync enumerates, so that
// finding what a peer lacks costs what it lacks and not the catalog. Superseded records leave a hole; holes are closed
// once they are half of the log.
type originLog struct {
	entries []logEntry
	holes   int
}

type logEntry struct {
	seq uint64
	rec *Record // nil: a hole
}

func (l *originLog) search(seq uint64) (int, bool) {
	if n := len(l.entries); n == 0 || l.entries[n-1].seq < seq { // the usual record is the newest
		return n, false
	}
	return slices.BinarySearchFunc(l.entries, seq, func(e logEntry, s uint64) int { return cmp.Compare(e.seq, s) })
}

func (l *originLog) get(seq uint64) *Record {
	if i, ok := l.search(seq); ok {
		return l.entries[i].rec
	}
	return nil
}

func (l *originLog) put(rec *Record) {
	i, ok := l.search(rec.Stamp.Dot.Seq)
	if !ok {
		l.entries = slices.Insert(l.entries, i, logEntry{rec.Stamp.Dot.Seq, rec})
		return
	}
	if l.entries[i].rec == nil {
		l.holes--
	}
	l.entries[i].rec = rec
}

func (l *originLog) remove(seq uint64) {
	i, ok := l.search(seq)
	if !ok || l.entries[i].rec == nil {
		return
	}
	l.entries[i].rec = nil
	l.holes++
	if l.holes > 16 && l.holes > len(l.entries)/2 {
		l.entries = slices.DeleteFunc(l.entries, func(e logEntry) bool { return e.rec == nil })
		l.entries = slices.Clip(l.entries)
		l.holes = 0
	}
}

func (l *originLog) len() int { return len(l.entries) - l.holes }

// within appends the records whose sequence is in r.
func (l *originLog) within(dst []*Record, r causal.Range) []*Record {
	i, _ := l.search(r.First)
	for ; i < len(l.entries) && l.entries[i].seq <= r.Last; i++ {
		if rec := l.entries[i].rec; rec != nil {
			dst = append(dst, rec)
		}
	}
	return dst
}
