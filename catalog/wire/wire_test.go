package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
)

func drawOrigin(t *rapid.T) causal.Origin {
	return causal.Origin{
		Node:        "dc1/" + rapid.StringMatching(`[a-z]{1,8}`).Draw(t, "node"),
		Incarnation: rapid.Uint64().Draw(t, "incarnation"),
	}
}

func drawRecord(t *rapid.T) *catalog.Record {
	name := rapid.StringMatching(`[a-zé/:.-]{1,20}`)
	r := &catalog.Record{
		Key: catalog.Key{Namespace: name.Draw(t, "ns"), Service: name.Draw(t, "service"), ID: name.Draw(t, "id")},
		Stamp: causal.Stamp{
			Lamport: rapid.Uint64Range(1, maxLamport).Draw(t, "lamport"),
			Dot:     causal.Dot{Origin: drawOrigin(t), Seq: rapid.Uint64Range(1, 1<<60).Draw(t, "seq")},
		},
		Wall: rapid.Int64().Draw(t, "wall"),
	}
	ms := func(label string) time.Time {
		if rapid.Bool().Draw(t, label) {
			return time.Time{}
		}
		return time.UnixMilli(rapid.Int64Range(1, 1<<42).Draw(t, label)).UTC()
	}
	status := func() catalog.Status { return catalog.Status(rapid.IntRange(1, 5).Draw(t, "status")) }
	r.Kind = catalog.Kind(rapid.IntRange(0, 2).Draw(t, "kind"))
	if rapid.IntRange(0, 3).Draw(t, "tombstone") == 0 {
		r.Deletion = catalog.Deletion(rapid.IntRange(1, 3).Draw(t, "deletion"))
		return r
	}
	switch r.Kind {
	case catalog.KindRegistration:
		r.Registration = &catalog.Instance{
			Namespace: r.Key.Namespace, Service: r.Key.Service, ID: r.Key.ID,
			Address: name.Draw(t, "address"), Port: rapid.IntRange(1, 65535).Draw(t, "port"), Zone: rapid.StringN(0, 5, 20).Draw(t, "zone"),
			Weight: rapid.IntRange(1, 65535).Draw(t, "weight"), TTL: time.Duration(rapid.IntRange(1000, 86_400_000).Draw(t, "ttl")) * time.Millisecond,
			Status: status(), Secure: rapid.Bool().Draw(t, "secure"), Embedded: rapid.Bool().Draw(t, "embedded"),
			Home: "dc1/a", Datacenter: "dc1", RegisteredAt: ms("registered"), Private: r.Private(),
			Tags:     rapid.SliceOfN(rapid.StringN(0, 10, 40), 0, 5).Draw(t, "tags"),
			Metadata: rapid.MapOfN(rapid.StringN(0, 10, 40), rapid.StringN(0, 10, 40), 0, 5).Draw(t, "metadata"),
			Ports:    rapid.MapOfN(rapid.StringN(0, 10, 40), rapid.IntRange(1, 65535), 0, 5).Draw(t, "ports"),

			Attributes: rapid.MapOfN(rapid.StringN(0, 10, 40), rapid.StringN(0, 10, 40), 0, 5).Draw(t, "attributes"),
		}
		i := r.Registration
		if len(i.Tags) == 0 {
			i.Tags = nil
		}
		if len(i.Metadata) == 0 {
			i.Metadata = nil
		}
		if len(i.Attributes) == 0 {
			i.Attributes = nil
		}
		if len(i.Ports) == 0 {
			i.Ports = nil
		}
		if rapid.Bool().Draw(t, "checked") {
			i.Checks = []catalog.Check{drawCheck(t)}
		}
	case catalog.KindLease:
		r.Lease = &catalog.Lease{Home: "dc1/b", Status: status(), Preserved: rapid.Bool().Draw(t, "preserved"), LastRenewal: ms("renewed")}
	case catalog.KindChecks:
		r.Checks = &catalog.Checks{Results: []catalog.CheckResult{{
			ID:     rapid.StringN(1, 10, 40).Draw(t, "check"),
			Status: catalog.CheckStatus(rapid.IntRange(1, 3).Draw(t, "found")),
			Output: rapid.String().Draw(t, "output"), Since: ms("since"),
		}}}
	default:
		r.Override = &catalog.Override{Status: status(), Reason: rapid.StringN(0, 10, 40).Draw(t, "reason")}
	}
	return r
}

// drawCheck gives every field a value of its own, so that two that are mixed up show.
func drawCheck(t *rapid.T) catalog.Check {
	var c catalog.Check
	v := reflect.ValueOf(&c).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		switch f := v.Field(i); f.Interface().(type) {
		case string:
			f.SetString(rapid.StringN(0, 10, 40).Draw(t, name))
		case bool:
			f.SetBool(rapid.Bool().Draw(t, name))
		case int:
			f.SetInt(rapid.Int64Range(0, 1000).Draw(t, name))
		case time.Duration:
			f.SetInt(rapid.Int64Range(0, 1000).Draw(t, name) * int64(time.Millisecond))
		case catalog.CheckStatus:
			f.SetUint(rapid.Uint64Range(0, 3).Draw(t, name))
		case []string:
			if l := rapid.SliceOfN(rapid.StringN(0, 10, 40), 0, 3).Draw(t, name); len(l) > 0 {
				f.Set(reflect.ValueOf(l))
			}
		case map[string][]string:
			if rapid.Bool().Draw(t, name) {
				f.Set(reflect.ValueOf(map[string][]string{"A": {"1", "2"}, rapid.StringN(2, 10, 40).Draw(t, "header"): {"3"}}))
			}
		default:
			t.Fatalf("no value for a field of type %v: %s", f.Type(), name)
		}
	}
	return c
}

func drawVector(t *rapid.T) *causal.Vector {
	v := &causal.Vector{}
	for range rapid.IntRange(0, 5).Draw(t, "origins") {
		o := drawOrigin(t)
		for range rapid.IntRange(1, 4).Draw(t, "runs") {
			first := rapid.Uint64Range(1, 1<<62).Draw(t, "first")
			v.AddRange(o, causal.Range{First: first, Last: first + rapid.Uint64Range(0, 100).Draw(t, "length")})
		}
	}
	return v
}

func TestRecordsSurviveTheWire(t *testing.T) {
	var d Decoder
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		b := AppendRecord([]byte("x"), r)[1:]
		got, err := d.Record(r.Stamp.Dot, b)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, r) {
			t.Fatalf("got %+v\nwant %+v", got, r)
		}
		if again := AppendRecord(nil, got); !bytes.Equal(again, b) {
			t.Fatalf("encoded again as %x, was %x", again, b)
		}
	})
}

// Attributes came later than the other fields: an instance without them is written as it was before there were any, and
// what an older version wrote, or a newer one with still more fields, is read.
func TestAnInstanceWithoutAttributesIsWrittenAsBeforeThereWereAny(t *testing.T) {
	dot := causal.Dot{Origin: causal.Origin{Node: "dc1/a", Incarnation: 1}, Seq: 1}
	inst := catalog.Instance{
		Namespace: "default", Service: "s", ID: "1", Address: "h", Port: 80, Weight: 100, TTL: time.Second,
		Status: catalog.StatusUp, Home: "dc1/a", Datacenter: "dc1",
	}
	r := &catalog.Record{Key: inst.Key(), Stamp: causal.Stamp{Lamport: 1, Dot: dot}, Registration: &inst}
	const before = "98010000a764656661756c74a173a131009ea16850" + "64cd03e80100a56463312f61a3646331a00090909090"
	bare := AppendRecord(nil, r)
	if got := hex.EncodeToString(bare); got != before {
		t.Fatalf("written as %s, want %s", got, before)
	}
	inst.Attributes = map[string]string{"eureka.vip": "v"}
	full := AppendRecord(nil, r)
	if added := len(full) - len(bare); added != len("\x92\xaaeureka.vip\xa1v") {
		t.Errorf("the attribute takes %d bytes", added)
	}
	newer := append(bytes.Replace(full, []byte("\x9f\xa1h"), []byte("\xdc\x00\x10\xa1h"), 1), 7)
	var d Decoder
	for name, b := range map[string][]byte{"this version": full, "a newer one": newer} {
		if got, err := d.Record(dot, b); err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestVectorsAndSummariesSurviveTheWire(t *testing.T) {
	var d Decoder
	rapid.Check(t, func(t *rapid.T) {
		v := drawVector(t)
		got, err := d.Vector(AppendVector(nil, v))
		if err != nil || !got.Equal(v) || got.Hash() != v.Hash() {
			t.Fatalf("got %v, %v", got, err)
		}
		s := catalog.Summary{Lamport: rapid.Uint64Range(0, maxLamport).Draw(t, "lamport"), Vector: v, Floors: map[causal.Origin]uint64{}}
		for _, o := range v.Origins() {
			s.Floors[o] = rapid.Uint64().Draw(t, "floor")
		}
		if rapid.Bool().Draw(t, "held") {
			s.Held = drawVector(t)
		}
		back, err := d.Summary(AppendSummary(nil, s))
		if err != nil || back.Lamport != s.Lamport || !back.Vector.Equal(v) || !reflect.DeepEqual(back.Floors, s.Floors) ||
			(back.Held == nil) != (s.Held == nil) || s.Held != nil && !back.Held.Equal(s.Held) {
			t.Fatalf("got %+v, %v; want %+v", back, err, s)
		}
	})
}

// A newer version may append fields to any array; an older reader skips them.
func TestFieldsOfANewerVersionAreSkipped(t *testing.T) {
	r := &catalog.Record{
		Key:   catalog.Key{Namespace: "default", Service: "s", ID: "1"},
		Stamp: causal.Stamp{Lamport: 7, Dot: causal.Dot{Origin: causal.Origin{Node: "dc1/a", Incarnation: 1}, Seq: 3}},
		Kind:  catalog.KindLease, Lease: &catalog.Lease{Home: "dc1/a", Status: catalog.StatusUp},
	}
	b := appendTo(nil, func(w *writer) {
		w.array(recordFields + 2)
		w.uint(7)
		w.int(0)
		w.uint(uint64(r.Kind))
		w.str("default")
		w.str("s")
		w.str("1")
		w.uint(0)
		w.array(leaseFields + 1)
		w.str("dc1/a")
		w.uint(1)
		w.uint(0)
		w.int(0)
		w.array(2)
		w.str("new")
		w.array(1)
		w.nil()
		w.bytes([]byte("new too"))
		_ = w.enc.EncodeMap(map[string]any{"k": 1.5})
	})
	var d Decoder
	got, err := d.Record(r.Stamp.Dot, b)
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Fatalf("got %+v, %v", got, err)
	}
}

// I6: what is cut short, followed by something, or nested beyond reason is refused.
func TestMalformedBytesAreRefused(t *testing.T) {
	var d Decoder
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		b := AppendRecord(nil, r)
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if _, err := d.Record(r.Stamp.Dot, b[:cut]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut at %d of %d: %v", cut, len(b), err)
		}
		if _, err := d.Record(r.Stamp.Dot, append(b, 0)); !errors.Is(err, ErrMalformed) {
			t.Fatalf("with a byte more: %v", err)
		}
	})
	deep := append([]byte{0x9c, 1, 0, 2, 0xa1, 'n', 0xa1, 's', 0xa1, 'i', 0, 0x93, 1, 0xa0}, bytes.Repeat([]byte{0x91}, 1000)...)
	if _, err := d.Record(causal.Dot{Origin: causal.Origin{Node: "dc1/a"}, Seq: 1}, deep); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "depth") {
		t.Fatalf("deeply nested: %v", err)
	}
	if _, err := d.Record(causal.Dot{Origin: causal.Origin{Node: "dc1/a"}, Seq: 1}, make([]byte, MaxBodyBytes+1)); !errors.Is(err, ErrMalformed) {
		t.Fatalf("too long: %v", err)
	}
}

// I6: a message may not make a node allocate more than its own size times a small constant.
func allocatesLittle(t *testing.T, size int, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(64*size+16<<10); got > limit {
		t.Fatalf("%d bytes made it allocate %d, limit %d", size, got, limit)
	}
}

func FuzzRecord(f *testing.F) {
	dot := causal.Dot{Origin: causal.Origin{Node: "dc1/a", Incarnation: 1}, Seq: 1}
	f.Add(AppendRecord(nil, &catalog.Record{
		Key: catalog.Key{Namespace: "default", Service: "s", ID: "1"}, Stamp: causal.Stamp{Lamport: 1, Dot: dot},
		Registration: &catalog.Instance{
			Address: "10.0.0.1", Port: 80, Weight: 100, TTL: time.Second, Status: catalog.StatusUp, Home: "dc1/a",
			Tags: []string{"a"}, Metadata: map[string]string{"k": "v"}, Ports: map[string]int{"grpc": 90}, Checks: []catalog.Check{{TCP: "h:1"}},
		},
	}))
	f.Add(AppendRecord(nil, &catalog.Record{
		Key: catalog.Key{Namespace: "default", Service: "s", ID: "1"}, Stamp: causal.Stamp{Lamport: 1, Dot: dot}, Deletion: catalog.Evicted,
	}))
	f.Add([]byte{0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0x98, 1, 0, 0, 0xdb, 0x7f, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		d := &Decoder{}
		var r *catalog.Record
		var err error
		allocatesLittle(t, len(b), func() { r, err = d.Record(dot, b) })
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		again, err := d.Record(dot, AppendRecord(nil, r))
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Fatalf("what was decoded does not survive: %v\n%+v\n%+v", err, r, again)
		}
	})
}

func FuzzSummary(f *testing.F) {
	v := &causal.Vector{}
	v.AddRange(causal.Origin{Node: "dc1/a", Incarnation: 1}, causal.Range{First: 1, Last: 5})
	v.AddRange(causal.Origin{Node: "dc1/a", Incarnation: 1}, causal.Range{First: 9, Last: 9})
	s := catalog.Summary{Lamport: 9, Vector: v, Floors: map[causal.Origin]uint64{{Node: "dc1/a", Incarnation: 1}: 3}, Held: v}
	f.Add(AppendSummary(nil, s))
	s.Held = nil
	f.Add(AppendSummary(nil, s))
	f.Add([]byte{0x94, 1, 0xdd, 0, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		d := &Decoder{}
		var s catalog.Summary
		var err error
		allocatesLittle(t, len(b), func() { s, err = d.Summary(b) })
		if err != nil {
			return
		}
		if _, err := d.Summary(AppendSummary(nil, s)); err != nil {
			t.Fatalf("what was decoded does not survive: %v", err)
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	r := &catalog.Record{
		Key:   catalog.Key{Namespace: "default", Service: "payments", ID: "payments-10.0.0.5-8080"},
		Stamp: causal.Stamp{Lamport: 1e6, Dot: causal.Dot{Origin: causal.Origin{Node: "dc1/a", Incarnation: 1}, Seq: 1e6}},
		Wall:  1.7e12,
		Registration: &catalog.Instance{
			Address: "10.0.0.5", Port: 8080, Weight: 100, TTL: 30 * time.Second, Status: catalog.StatusUp, Home: "dc1/a", Datacenter: "dc1",
			Zone: "a", Tags: []string{"v2", "canary", "blue"}, Metadata: map[string]string{"version": "1.4", "team": "pay", "k": "v", "x": "y"},
		},
	}
	body := AppendRecord(nil, r)
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		var buf []byte
		for b.Loop() {
			buf = AppendRecord(buf[:0], r)
		}
		b.ReportMetric(float64(len(buf)), "bytes")
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		var d Decoder
		for b.Loop() {
			if _, err := d.Record(r.Stamp.Dot, body); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestSetsThatRecurAreSharedAndReadRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d Decoder
		long := strings.Repeat("x", 40)
		names := rapid.SampledFrom([]string{"a", "b", "version", long, "", "ü"})
		for i := range rapid.IntRange(1, 30).Draw(t, "records") {
			rec := drawRecord(t)
			if rec.Kind != catalog.KindRegistration || rec.Deleted() {
				continue
			}
			rec.Registration.Metadata = rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", long}), names, 0, 20).Draw(t, "metadata")
			rec.Registration.Tags = rapid.SliceOfN(rapid.SampledFrom([]string{"a", long}), 0, 20).Draw(t, "tags")
			got, err := d.Record(rec.Stamp.Dot, AppendRecord(nil, rec))
			if err != nil {
				t.Fatal(i, err)
			}
			if !maps.Equal(got.Registration.Metadata, rec.Registration.Metadata) || !slices.Equal(got.Registration.Tags, rec.Registration.Tags) {
				t.Fatalf("%d: %v %v came back as %v %v", i, rec.Registration.Metadata, rec.Registration.Tags, got.Registration.Metadata, got.Registration.Tags)
			}
		}
	})
	var d Decoder
	rec := &catalog.Record{Key: catalog.Key{Namespace: "default", Service: "s", ID: "i"}, Stamp: causal.Stamp{Lamport: 1}, Registration: &catalog.Instance{
		Namespace: "default", Service: "s", ID: "i", Address: "a", Port: 1, Weight: 1, TTL: time.Second, Status: catalog.StatusUp, Home: "dc1/a",
		Metadata: map[string]string{"version": "1"}, Tags: []string{"blue"},
	}}
	read := func() *catalog.Instance {
		got, err := d.Record(causal.Dot{Origin: causal.Origin{Node: "dc1/a"}, Seq: 1}, AppendRecord(nil, rec))
		if err != nil {
			t.Fatal(err)
		}
		return got.Registration
	}
	one, two := read(), read()
	one.Metadata["version"] = "2" // Nobody may do that; here it shows that there is one map.
	if two.Metadata["version"] != "2" || &one.Tags[0] != &two.Tags[0] {
		t.Fatal("equal sets are held twice")
	}
}
