package eureka

import (
	"bytes"
	"compress/gzip"
	"io"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

func everything(*muster.Instance) bool { return true }

// perturb does something to a random instance.
func perturb(t *rapid.T, node *apitest.Fake) {
	key := muster.Key{
		Namespace: rapid.SampledFrom([]string{"default", "default", "default", "other"}).Draw(t, "namespace"),
		Service:   rapid.SampledFrom([]string{"a", "A", "b", "c"}).Draw(t, "service"),
	}
	key.ID = key.Service + strconv.Itoa(rapid.IntRange(0, 400).Draw(t, "id"))
	switch rapid.IntRange(0, 5).Draw(t, "what") {
	case 0:
		_ = node.Remove(t.Context(), key) // It may not be there.
	case 1:
		_, _ = node.SetOverride(t.Context(), key, muster.StatusOutOfService, "")
	case 2:
		if err := node.Learn("dc2", muster.Instance{Namespace: key.Namespace, Service: key.Service, ID: key.ID, Address: "h", Port: 1}); err != nil {
			t.Fatal(err)
		}
	default:
		inst := muster.Instance{
			Namespace: key.Namespace, Service: key.Service, ID: key.ID, Address: "h", Port: 1,
			Status: muster.Status(rapid.IntRange(1, 5).Draw(t, "status")),
		}
		if _, _, err := node.Put(t.Context(), inst); err != nil {
			t.Fatal(err)
		}
	}
}

// A registry that followed every change is, byte for byte, the one that would be made anew, in every form, and its segments keep
// their bounds.
func TestAFollowedRegistryIsTheOneMadeAnew(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		node := apitest.New()
		local := func(inst *muster.Instance) bool { return inst.Datacenter == "dc1" }
		r := build(node.Services(), local)
		for range rapid.IntRange(1, 8).Draw(t, "rounds") {
			for range rapid.IntRange(0, 60).Draw(t, "changes") {
				perturb(t, node)
			}
			f := form(rapid.IntRange(0, int(forms)-1).Draw(t, "form"))
			r = r.advance(node.Services(), local)
			fresh := build(node.Services(), local)
			if got, want := r.all(f, false).join(), fresh.all(f, false).join(); !bytes.Equal(got, want) {
				t.Fatalf("followed: %s\nanew:     %s", got, want)
			}
			if r.hash() != fresh.hash() || r.n != fresh.n {
				t.Fatalf("hash %s of %d, want %s of %d", r.hash(), r.n, fresh.hash(), fresh.n)
			}
			for _, s := range r.segments {
				if len(s.entries) == 0 || len(s.entries) > segmentMax {
					t.Fatalf("a segment of %d entries", len(s.entries))
				}
			}
			for _, app := range []string{"A", "B", "C", "D"} {
				one, ok := r.app(f, app)
				other, has := fresh.app(f, app)
				if ok != has || ok && !bytes.Equal(one.join(), other.join()) {
					t.Fatalf("application %s: %v, %v", app, ok, has)
				}
			}
		}
	})
}

// A segment is written otherwise when another application comes to stand before it, though it has not changed itself.
func TestASegmentIsWrittenAfterWhateverStandsBeforeIt(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	add := func(service string) {
		t.Helper()
		for n := range segmentMax {
			inst := muster.Instance{Service: service, ID: strconv.Itoa(1000 + n), Address: "h", Port: 1}
			if _, _, err := node.Put(t.Context(), inst); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, service := range []string{"a", "b", "c"} {
		add(service)
	}
	r := build(node.Services(), everything)
	r.all(jsonFull, false)
	for _, service := range []string{"b", "a"} {
		for _, inst := range node.Find("default", service).Instances() {
			if err := node.Remove(t.Context(), inst.Key()); err != nil {
				t.Fatal(err)
			}
		}
		r = r.advance(node.Services(), everything)
		if got, want := r.all(jsonFull, false).join(), build(node.Services(), everything).all(jsonFull, false).join(); !bytes.Equal(got, want) {
			t.Errorf("without %s: %.300s\nwant %.300s", service, got, want)
		}
	}
}

// Of ten thousand instances one changes: the answer shares all segments but one with the one before, and what is made anew
// is a few allocations, whatever the size of the registry.
func TestAChangeOfOneInTenThousandEncodesOne(t *testing.T) {
	node := filled(t, manyInstances)
	api := New(node, Config{})
	before := api.latest().all(jsonFull, false)
	put(t, node, 5000, muster.StatusDown)
	after := api.latest().all(jsonFull, false)
	if len(before.parts) != len(after.parts) {
		t.Fatalf("%d parts, were %d", len(after.parts), len(before.parts))
	}
	differ := 0
	for n := range after.parts[1:] { // The first is the head, with the hash.
		if &after.parts[n+1].bytes[0] != &before.parts[n+1].bytes[0] {
			differ++
		}
	}
	if differ != 2 { // A segment, and the end.
		t.Errorf("%d parts were made anew, want a segment and the end", differ)
	}
	status := muster.StatusUp
	costs := testing.AllocsPerRun(20, func() {
		if status++; status > muster.StatusUnknown {
			status = muster.StatusUp
		}
		put(t, node, 5000, status)
		api.latest().all(jsonFull, false)
	})
	if costs > 250 { // Of which most are the registration itself.
		t.Errorf("a change and the next answer take %v allocations", costs)
	}
}

// Compressed answers are one gzip member that everyone can read, though they are put together from parts.
func TestCompressedAnswersAreOneGzipMember(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 500} {
		r := build(filled(t, n).Services(), everything)
		for f := range forms {
			plain, z := r.all(f, false).join(), r.all(f, true).join()
			reader, err := gzip.NewReader(bytes.NewReader(z))
			if err != nil {
				t.Fatal(err)
			}
			reader.Multistream(false)
			got, err := io.ReadAll(reader)
			if err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%d instances, form %d: %v, %d bytes of %d", n, f, err, len(got), len(plain))
			}
			if n > 100 && len(z) > len(plain)/5 {
				t.Errorf("%d bytes compressed to %d", len(plain), len(z))
			}
		}
	}
}

// Services whose names differ only in case are one application.
func TestServicesThatDifferInCaseAreOneApplication(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	for _, service := range []string{"pay", "Pay", "PAY"} {
		if _, _, err := node.Put(t.Context(), muster.Instance{Service: service, ID: "i-" + service, Address: "h", Port: 1}); err != nil {
			t.Fatal(err)
		}
	}
	api := New(node, Config{})
	r := api.latest()
	var apps []string
	for e := range r.entries {
		apps = append(apps, e.app)
	}
	if !slices.Equal(apps, []string{"PAY", "PAY", "PAY"}) {
		t.Errorf("applications %q", apps)
	}
	for _, id := range []string{"i-pay", "i-Pay", "i-PAY"} {
		if api.find("PAY", id) == nil {
			t.Errorf("%s is not found", id)
		}
	}
}
