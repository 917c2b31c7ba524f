package wire

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
)

func drawSnapshot(t *rapid.T) *Snapshot {
	s := &Snapshot{
		Node: "dc1/a", Incarnation: rapid.Uint64().Draw(t, "incarnation"), Written: time.UnixMilli(1_700_000_000_000).UTC(),
		Peers:   rapid.SliceOfN(rapid.StringMatching(`10\.0\.0\.[1-9]:7946`), 0, 3).Draw(t, "peers"),
		Summary: catalog.Summary{Lamport: 9, Vector: drawVector(t), Floors: map[causal.Origin]uint64{}},
	}
	if len(s.Peers) == 0 {
		s.Peers = nil
	}
	for range rapid.IntRange(0, 30).Draw(t, "records") {
		s.Records = append(s.Records, drawRecord(t))
	}
	return s
}

func TestSnapshotsSurviveTheFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSnapshot(t)
		var buf bytes.Buffer
		if err := WriteSnapshot(&buf, s); err != nil {
			t.Fatal(err)
		}
		got, err := ReadSnapshot(&buf)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Summary.Vector.Equal(s.Summary.Vector) {
			t.Fatal("another vector")
		}
		got.Summary.Vector = s.Summary.Vector
		if !reflect.DeepEqual(got, s) {
			t.Fatalf("got %+v\nwant %+v", got, s)
		}
	})
}

// A file that ends early, or of which any byte was changed, is found out and never believed.
func TestDamagedSnapshotsAreFoundOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var buf bytes.Buffer
		if err := WriteSnapshot(&buf, drawSnapshot(t)); err != nil {
			t.Fatal(err)
		}
		b := buf.Bytes()
		at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		if _, err := ReadSnapshot(bytes.NewReader(b[:at])); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut at %d of %d: %v", at, len(b), err)
		}
		b[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := ReadSnapshot(bytes.NewReader(b)); !errors.Is(err, ErrDamaged) {
			t.Fatalf("changed at %d of %d: %v", at, len(b), err)
		}
	})
}

func TestSnapshotOfManyBlocks(t *testing.T) {
	s := &Snapshot{Node: "dc1/a", Incarnation: 1, Summary: catalog.Summary{Vector: &causal.Vector{}, Floors: map[causal.Origin]uint64{}}}
	for n := range 5000 {
		s.Records = append(s.Records, &catalog.Record{
			Key:   catalog.Key{Namespace: "default", Service: "s", ID: "i"},
			Stamp: causal.Stamp{Lamport: 1, Dot: causal.Dot{Origin: causal.Origin{Node: "dc1/a", Incarnation: uint64(n / 700)}, Seq: uint64(n + 1)}},
			Kind:  catalog.KindOverride, Override: &catalog.Override{Status: catalog.StatusDown, Reason: "because"},
		})
	}
	var buf bytes.Buffer
	if err := WriteSnapshot(&buf, s); err != nil {
		t.Fatal(err)
	}
	got, err := ReadSnapshot(&buf)
	if err != nil || !reflect.DeepEqual(got.Records, s.Records) {
		t.Fatalf("%d records, %v", len(got.Records), err)
	}
}

func FuzzSnapshot(f *testing.F) {
	var buf bytes.Buffer
	_ = WriteSnapshot(&buf, &Snapshot{Node: "dc1/a", Incarnation: 1, Peers: []string{"h:1"}, Summary: catalog.Summary{Vector: &causal.Vector{}}})
	f.Add(buf.Bytes())
	f.Add([]byte(snapshotMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := ReadSnapshot(bytes.NewReader(b)); err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatalf("an error of another kind: %v", err)
		}
	})
}
