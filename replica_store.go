package muster

import (
	"errors"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/catalog/wire"
	"github.com/musterhq/muster/gossip/spread"
)

// store is the replica's catalog as the replication engine sees it: in bytes.
type store Replica

var _ spread.Store = (*store)(nil)

// Covers reports whether the catalog covers d.
func (s *store) Covers(d causal.Dot) bool { return s.cat.Covers(d) }

// Missing is the runs of the span that the catalog does not cover.
func (s *store) Missing(span spread.Span, limit int) []causal.Range {
	missing := s.cat.Vector().Missing(span.Origin, span.Range)
	return missing[:min(limit, len(missing))]
}

// Origins is the origins in the catalog's vector.
func (s *store) Origins() []causal.Origin { return s.cat.Vector().Origins() }

// Apply decodes and merges. A body that can't be read leaves its dot uncovered.
func (s *store) Apply(o causal.Origin, deltas []spread.Delta) (fresh []spread.Delta, err error) {
	recs := make([]*catalog.Record, 0, len(deltas))
	for _, d := range deltas {
		dot := causal.Dot{Origin: o, Seq: d.Seq}
		if s.cat.Covers(dot) && planted != "a second copy is applied again" {
			continue
		}
		rec, bad := s.cfg.Decode(dot, d.Body)
		if bad != nil {
			err = errors.Join(err, bad)
			continue
		}
		recs = append(recs, rec)
	}
	applied := s.cat.Apply(s.at, recs)
	for _, d := range deltas {
		if len(applied) > 0 && applied[0].Stamp.Dot.Seq == d.Seq {
			fresh = append(fresh, d)
			applied = applied[1:]
		}
	}
	return fresh, err
}

// Body is the encoded record with that dot, if it is held.
func (s *store) Body(d causal.Dot) ([]byte, bool) {
	rec := s.cat.Record(d)
	if rec == nil {
		return nil, false
	}
	return wire.AppendRecord(nil, rec), true
}

// Digest is the two hashes of the catalog.
func (s *store) Digest() spread.Digest {
	return spread.Digest{State: s.cat.Hash(), Vector: s.cat.Vector().Hash()}
}

// Vector is the catalog's vector, encoded.
func (s *store) Vector() []byte { return wire.AppendVector(nil, s.cat.Vector()) }

// Lacks reports whether the sender of the vector covers something that the catalog does not.
func (s *store) Lacks(vector []byte) (bool, error) {
	v, err := s.dec.Vector(vector)
	if err != nil {
		return false, err
	}
	return !s.cat.Vector().Dominates(v), nil
}

// Finish ends a sync.
func (s *store) Finish(summary []byte) error {
	sum, err := s.dec.Summary(summary)
	if err != nil {
		return err
	}
	s.cat.Finish(s.at, sum)
	return nil
}

// Transfer takes the snapshot of what the sender of the vector lacks.
func (s *store) Transfer(vector []byte, full bool) (spread.Transfer, error) {
	v, err := s.dec.Vector(vector)
	if err != nil {
		return nil, err
	}
	t := s.cat.Transfer(v, full)
	return &transfer{store: s, records: t.Records, summary: t.Summary}, nil
}

// transfer encodes a snapshot piece by piece, as it is asked for. The records are immutable, so nothing is held up.
type transfer struct {
	store   *store
	records []*catalog.Record
	summary catalog.Summary
}

// Next encodes the next records up to maxBytes. Those of one origin in ascending order make a frame.
func (t *transfer) Next(maxBytes int) (frames []spread.Frame, more bool) {
	size := 0
	var f *spread.Frame
	last := uint64(0)
	for len(t.records) > 0 {
		rec := t.records[0]
		d := spread.Delta{Seq: rec.Stamp.Dot.Seq, Body: wire.AppendRecord(nil, rec)}
		opens := f == nil || f.Origin != rec.Stamp.Dot.Origin || d.Seq < last
		cost := len(d.Body) + deltaOverhead
		if opens {
			cost = spread.FrameSize(spread.Frame{Origin: rec.Stamp.Dot.Origin, Deltas: []spread.Delta{d}})
		}
		if size+cost > maxBytes && size > 0 {
			return frames, true
		}
		if opens {
			frames = append(frames, spread.Frame{Origin: rec.Stamp.Dot.Origin})
			f = &frames[len(frames)-1]
		}
		f.Deltas = append(f.Deltas, d)
		last = d.Seq
		size += cost
		t.records = t.records[1:]
	}
	return frames, false
}

// deltaOverhead is more than a delta costs in a frame beyond its body.
const deltaOverhead = 16

// Summary closes the transfer.
func (t *transfer) Summary() []byte {
	if planted == "the vector is taken after the records" {
		t.summary.Vector = t.store.cat.Vector()
	}
	return wire.AppendSummary(nil, t.summary)
}
