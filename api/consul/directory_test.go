package consul

import (
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

// perturb does something to a random instance.
func perturb(t *rapid.T, node *apitest.Fake) {
	key := muster.Key{
		Namespace: rapid.SampledFrom([]string{"default", "default", "default", "other"}).Draw(t, "namespace"),
		Service:   rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "service"),
		ID:        "i" + strconv.Itoa(rapid.IntRange(0, 20).Draw(t, "id")),
	}
	node.Advance(time.Duration(rapid.IntRange(0, 2).Draw(t, "ms")) * time.Millisecond)
	switch rapid.IntRange(0, 6).Draw(t, "what") {
	case 0, 1:
		_ = node.Remove(t.Context(), key) // It may not be there.
	case 2:
		_, _ = node.SetOverride(t.Context(), key, muster.StatusOutOfService, "x")
	case 3:
		_ = node.Report(t.Context(), key, "check-"+key.ID, muster.CheckStatus(rapid.IntRange(1, 3).Draw(t, "found")), "")
	default:
		inst := muster.Instance{Namespace: key.Namespace, Service: key.Service, ID: key.ID, Address: "h", Port: 1}
		if rapid.Bool().Draw(t, "ours") {
			inst.Attributes = map[string]string{attrSource: sourceAgent}
			inst.Checks = []muster.Check{{ID: "check-" + key.ID, TTL: time.Second}}
		}
		if _, _, err := node.Put(t.Context(), inst); err != nil {
			t.Fatal(err)
		}
	}
}

// keysOf is what a directory means by each id, and which ids several have.
func keysOf(d *directory) (byID map[string]string, twins map[string]int) {
	byID, twins = map[string]string{}, map[string]int{}
	for id, inst := range d.byID {
		byID[id] = inst.Service
	}
	for id, all := range d.twins {
		twins[id] = len(all)
	}
	return byID, twins
}

// A directory that followed every change, by the history or past its end, is the one that would be made anew.
func TestAFollowedDirectoryIsTheOneMadeAnew(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		node := apitest.New()
		d := directory{node: node}
		d.follow()
		for range rapid.IntRange(1, 8).Draw(t, "rounds") {
			for range rapid.IntRange(0, 40).Draw(t, "changes") {
				perturb(t, node)
			}
			d.follow()
			fresh := directory{node: node}
			fresh.follow()
			ids, twins := keysOf(&d)
			wantIDs, wantTwins := keysOf(&fresh)
			if !maps.Equal(ids, wantIDs) || !maps.Equal(twins, wantTwins) {
				t.Fatalf("followed: %v %v\nanew:     %v %v", ids, twins, wantIDs, wantTwins)
			}
			if len(d.checks) != len(fresh.checks) {
				t.Fatalf("followed: %v\nanew:     %v", d.checks, fresh.checks)
			}
			for id, service := range wantIDs {
				inst := d.find(id)
				if inst == nil || inst.Service != service {
					t.Fatalf("%s: found %v, want it in %s", id, inst, service)
				}
				if now, _ := node.Find("default", service).Instance(id); now != inst {
					t.Fatalf("%s: an old one is found", id)
				}
			}
			for id := range 21 {
				checkID := "check-i" + strconv.Itoa(id)
				inst, want := d.findCheck(checkID), fresh.findCheck(checkID)
				if inst != want {
					t.Fatalf("%s: %v, want %v", checkID, inst, want)
				}
			}
		}
	})
}

// Of two services with an instance of one id, the one is meant that this dialect registered last, and the other when that
// is gone.
func TestTheLatestRegistrationOfAnIdIsMeant(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	api := New(node, Config{})
	meant := func() string {
		if inst := api.ids.find("x"); inst != nil {
			return inst.Service
		}
		return ""
	}
	ours := map[string]string{attrSource: sourceAgent}
	var got []string
	note := func() { got = append(got, meant()) }
	put(t, node, muster.Instance{Service: "a", ID: "x"})
	note()
	node.Advance(time.Second)
	put(t, node, muster.Instance{Service: "b", ID: "x"})
	note()
	node.Advance(time.Second)
	first := put(t, node, muster.Instance{Service: "c", ID: "x", Attributes: ours})
	note()
	node.Advance(time.Second)
	put(t, node, muster.Instance{Service: "a", ID: "x"})
	note() // Registered later, but by another dialect.
	put(t, node, muster.Instance{Service: "d", ID: "x", Attributes: ours})
	note()
	if err := node.Remove(t.Context(), muster.Key{Namespace: "default", Service: "d", ID: "x"}); err != nil {
		t.Fatal(err)
	}
	note()
	if err := node.Remove(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	note()
	if want := []string{"a", "b", "c", "c", "d", "c", "a"}; !slices.Equal(got, want) {
		t.Errorf("meant %q, want %q", got, want)
	}
}

// Registrations move the index by which who asks for services waits; nothing else does.
func TestChecksDoNotMoveTheIndexOfRegistrations(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	d := directory{node: node}
	key := put(t, node, muster.Instance{Service: "a", ID: "x", Checks: []muster.Check{{ID: "c", TTL: time.Second}}})
	at := d.registrations()
	moves := func(what string, want bool, do func() error) {
		t.Helper()
		node.Advance(time.Second)
		if err := do(); err != nil {
			t.Fatal(err)
		}
		now := d.registrations()
		if (now > at) != want {
			t.Errorf("%s: %d after %d", what, now, at)
		}
		at = now
	}
	moves("a check", false, func() error { return node.Report(t.Context(), key, "c", muster.CheckCritical, "") })
	moves("an override", false, func() error {
		_, err := node.SetOverride(t.Context(), key, muster.StatusDown, "")
		return err
	})
	moves("preserving", false, func() error { node.Preserve(key); return nil })
	moves("another namespace", false, func() error {
		put(t, node, muster.Instance{Namespace: "other", Service: "a", ID: "x"})
		return nil
	})
	moves("a registration", true, func() error { put(t, node, muster.Instance{Service: "a", ID: "x"}); return nil })
	moves("a deregistration", true, func() error { return node.Remove(t.Context(), key) })
}
