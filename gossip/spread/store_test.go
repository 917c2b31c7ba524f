package spread_test

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/gossip/spread"
)

var errBody = errors.New("store: unreadable")

// record is the model's entry: the last write to a key wins, by Lamport counter, then dot.
type record struct {
	stamp causal.Stamp
	key   string
	value string
}

// body is the record without its dot, as it travels.
func (r record) body() []byte { return fmt.Appendf(nil, "%d %s %s", r.stamp.Lamport, r.key, r.value) }

func readBody(d causal.Dot, b []byte) (record, error) {
	r := record{stamp: causal.Stamp{Dot: d}}
	if n, err := fmt.Sscanf(string(b), "%d %s %s", &r.stamp.Lamport, &r.key, &r.value); n != 3 || err != nil {
		return r, errBody
	}
	return r, nil
}

// store is the simplest catalog that keeps the Store contract: a map and a vector. Deletions are ordinary records.
type store struct {
	self    causal.Origin
	seq     uint64
	lamport uint64
	keys    map[string]record
	dots    map[causal.Dot]string
	vector  causal.Vector
	state   uint64
	chunk   int // Bytes of a chunk at most, if above 0.
}

func newStore(self causal.Origin) *store {
	return &store{self: self, keys: map[string]record{}, dots: map[causal.Dot]string{}}
}

// write makes a local write and returns it as a delta.
func (s *store) write(key, value string) spread.Delta {
	s.seq++
	r := record{causal.Stamp{Lamport: s.lamport + 1, Dot: causal.Dot{Origin: s.self, Seq: s.seq}}, key, value}
	s.merge(r)
	return spread.Delta{Seq: s.seq, Body: r.body()}
}

func (s *store) merge(r record) {
	s.vector.Add(r.stamp.Dot)
	s.lamport = max(s.lamport, r.stamp.Lamport)
	old, held := s.keys[r.key]
	if held && !r.stamp.Wins(old.stamp) {
		return
	}
	if held {
		s.remove(old)
	}
	s.keys[r.key] = r
	s.dots[r.stamp.Dot] = r.key
	s.state += r.stamp.Dot.Hash()
}

func (s *store) remove(r record) {
	delete(s.dots, r.stamp.Dot)
	delete(s.keys, r.key)
	s.state -= r.stamp.Dot.Hash()
}

func (s *store) Covers(d causal.Dot) bool { return s.vector.Covers(d) }

func (s *store) Origins() []causal.Origin { return s.vector.Origins() }

func (s *store) Missing(sp spread.Span, limit int) []causal.Range {
	runs := s.vector.Missing(sp.Origin, sp.Range)
	return runs[:min(limit, len(runs))]
}

func (s *store) Apply(o causal.Origin, deltas []spread.Delta) (fresh []spread.Delta, err error) {
	for _, d := range deltas {
		dot := causal.Dot{Origin: o, Seq: d.Seq}
		if s.vector.Covers(dot) {
			continue
		}
		r, bad := readBody(dot, d.Body)
		if bad != nil {
			err = bad
			continue
		}
		s.merge(r)
		fresh = append(fresh, d)
	}
	return fresh, err
}

func (s *store) Body(d causal.Dot) ([]byte, bool) {
	key, ok := s.dots[d]
	if !ok {
		return nil, false
	}
	return s.keys[key].body(), true
}

func (s *store) Digest() spread.Digest {
	return spread.Digest{State: s.state, Vector: s.vector.Hash()}
}

func (s *store) Vector() []byte {
	var b []byte
	for o, r := range s.vector.Minus(&causal.Vector{}) {
		b = binary.AppendUvarint(b, uint64(len(o.Node)))
		b = append(b, o.Node...)
		b = binary.AppendUvarint(b, o.Incarnation)
		b = binary.AppendUvarint(b, r.First)
		b = binary.AppendUvarint(b, r.Last)
	}
	return b
}

func readVector(b []byte) (*causal.Vector, error) {
	v, bad := &causal.Vector{}, false
	next := func() uint64 {
		n, k := binary.Uvarint(b)
		if k <= 0 {
			bad, b = true, nil
			return 0
		}
		b = b[k:]
		return n
	}
	for len(b) > 0 && !bad {
		n := next()
		if n > uint64(len(b)) {
			return nil, errBody
		}
		node := string(b[:n])
		b = b[n:]
		v.AddRange(causal.Origin{Node: node, Incarnation: next()}, causal.Range{First: next(), Last: next()})
	}
	if bad {
		return nil, errBody
	}
	return v, nil
}

func (s *store) Lacks(vector []byte) (bool, error) {
	v, err := readVector(vector)
	return err == nil && !s.vector.Dominates(v), err
}

// transfer is a snapshot: what is still to be sent, the vector and, for a full compare, the live records.
type transfer struct {
	rest    []record
	summary []byte
	limit   int
}

func (s *store) Transfer(vector []byte, full bool) (spread.Transfer, error) {
	v, err := readVector(vector)
	if err != nil {
		return nil, err
	}
	t := &transfer{limit: s.chunk}
	var live []string
	for _, r := range slices.SortedFunc(maps.Values(s.keys), func(a, b record) int { return a.stamp.Dot.Compare(b.stamp.Dot) }) {
		if !v.Covers(r.stamp.Dot) {
			t.rest = append(t.rest, r)
		}
		if full {
			d := r.stamp.Dot
			live = append(live, fmt.Sprintf("%s %d %d %s", d.Origin.Node, d.Origin.Incarnation, d.Seq, r.body()))
		}
	}
	mine := s.Vector()
	t.summary = append(binary.AppendUvarint(nil, uint64(len(mine))), mine...)
	if full {
		t.summary = append(t.summary, "full\n"+strings.Join(live, "\n")...)
	}
	return t, nil
}

func (t *transfer) Next(maxBytes int) (frames []spread.Frame, more bool) {
	if t.limit > 0 {
		maxBytes = min(maxBytes, t.limit)
	}
	used := 0
	for n := 0; len(t.rest) > 0; n++ {
		r := t.rest[0]
		f := spread.Frame{Origin: r.stamp.Dot.Origin, Deltas: []spread.Delta{{Seq: r.stamp.Dot.Seq, Body: r.body()}}}
		if used += spread.FrameSize(f); used > maxBytes && n > 0 {
			return frames, true
		}
		t.rest = t.rest[1:]
		if k := len(frames) - 1; k >= 0 && frames[k].Origin == f.Origin {
			frames[k].Deltas = append(frames[k].Deltas, f.Deltas...)
		} else {
			frames = append(frames, f)
		}
	}
	return frames, false
}

func (t *transfer) Summary() []byte { return t.summary }

func (s *store) Finish(summary []byte) error {
	n, k := binary.Uvarint(summary)
	if k <= 0 || n > uint64(len(summary)-k) {
		return errBody
	}
	v, err := readVector(summary[k : k+int(n)])
	if err != nil {
		return err
	}
	if list, full := strings.CutPrefix(string(summary[k+int(n):]), "full\n"); full {
		live := map[causal.Dot]bool{}
		for line := range strings.Lines(list) {
			var d causal.Dot
			var r record
			if _, err := fmt.Sscanf(line, "%s %d %d %d %s %s", &d.Origin.Node, &d.Origin.Incarnation, &d.Seq,
				&r.stamp.Lamport, &r.key, &r.value); err != nil {
				return errBody
			}
			r.stamp.Dot = d
			live[d] = true
			s.merge(r)
		}
		for _, r := range slices.SortedFunc(maps.Values(s.keys), func(a, b record) int { return cmp.Compare(a.key, b.key) }) {
			if v.Covers(r.stamp.Dot) && !live[r.stamp.Dot] {
				s.remove(r)
			}
		}
	}
	s.vector.Merge(v)
	return nil
}
