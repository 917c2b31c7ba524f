package catalog

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What is hidden is in no answer and in no resumed watch, is held all the same, and is back when it is shown again.
func TestInstancesOfAHiddenDatacenterAreHeldAndShownToNobody(t *testing.T) {
	c := newCatalog("a")
	add := func(service, id, dc string) {
		i := testInstance(service, id, 1)
		i.Datacenter = dc
		c.Register(moment(0), i)
	}
	add("s", "1", "dc1")
	add("s", "2", "dc2")
	add("away", "3", "dc2")
	hash, vector, began := c.Hash(), c.Vector().Hash(), c.Index()
	c.TakeChanges()
	hide := func(yes bool) {
		since := time.Time{}
		if yes {
			since = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		}
		c.SetAway("dc2", since)
		c.Hide("dc2", yes)
		for _, key := range c.Keys() {
			c.Renew(moment(0), key, "dc2")
		}
	}
	shown := func(when string, want ...string) {
		t.Helper()
		var got []string
		for _, v := range c.Services().Services {
			for _, inst := range v.Instances() {
				got = append(got, v.Service()+"/"+inst.ID)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: shown %q, want %q", when, got, want)
		}
	}
	hide(true)
	shown("hidden", "s/1")
	if c.Hash() != hash || c.Vector().Hash() != vector || c.Stats().Instances != 3 || len(c.Records()) != 3 {
		t.Errorf("hash %x, %+v, %d records: what is held has changed", c.Hash(), c.Stats(), len(c.Records()))
	}
	if inst := c.Current(Key{DefaultNamespace, "away", "3"}); inst == nil || !inst.Preserved {
		t.Errorf("the writer sees %+v", inst)
	}
	for _, ch := range c.TakeChanges() {
		if ch.New == nil || ch.Old == nil {
			t.Errorf("whoever drives the catalog takes %v for gone or new", ch.Key)
		}
	}
	changes, ok := c.Since(began)
	for _, ch := range changes {
		if ch.New != nil || ch.Cause != CauseHidden || ch.Cause.String() != "hidden" {
			t.Errorf("a watcher is told %+v", ch)
		}
	}
	if !ok || len(changes) != 2 {
		t.Errorf("a watcher that resumes is told %d changes, %v", len(changes), ok)
	}
	add("s", "4", "dc2")
	c.SetOverride(moment(0), Key{DefaultNamespace, "s", "2"}, Override{Status: StatusDown})
	c.Delete(moment(0), Key{DefaultNamespace, "away", "3"}, KindRegistration, Deregistered)
	began = c.Index()
	shown("written to while hidden", "s/1")
	if changes := c.TakeChanges(); len(changes) != 3 || changes[2].New != nil || changes[2].Old == nil {
		t.Errorf("whoever drives the catalog is told %+v", changes)
	}
	hide(false)
	shown("shown again", "s/1", "s/2", "s/4")
	if changes, ok := c.Since(began); !ok || len(changes) != 2 || changes[0].Old != nil || changes[0].New.Status != StatusDown {
		t.Errorf("a watcher that resumes is told %+v, %v", changes, ok)
	}
}

// Law: whatever is written, whatever is hidden and shown again, in whatever order, and however late services are renewed:
// the state is that of a catalog that hides nothing, a renewed view is its view without what is hidden, and the changes
// that the one who drives the catalog is told lead from nothing to all that is held.
func TestHidingChangesWhatIsShownAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, plain := newCatalog("a"), newCatalog("a")
		hidden, held := map[string]bool{}, map[Key]*Instance{}
		services, dcs := []string{"s", "t"}, []string{"dc1", "dc2", "dc3"}
		check := func(renewed ...string) {
			for _, ch := range c.TakeChanges() {
				if old := held[ch.Key]; (old == nil) != (ch.Old == nil) || old != nil && old.Datacenter != ch.Old.Datacenter {
					t.Fatalf("%v was %+v, and is said to have been %+v", ch.Key, old, ch.Old)
				}
				held[ch.Key] = ch.New
				if ch.New == nil {
					delete(held, ch.Key)
				}
			}
			if c.Hash() != plain.Hash() || c.Stats().Instances != len(held) || plain.Stats().Instances != len(held) {
				t.Fatalf("%d held, %+v, %+v without hiding", len(held), c.Stats(), plain.Stats())
			}
			for svc := range c.services.all() {
				left := -svc.view.Load().Len()
				for key := range held {
					if key.Service == svc.key.Service {
						left++
					}
				}
				if svc.left != left {
					t.Fatalf("%s: %d instances are counted as left out, and %d are", svc.key.Service, svc.left, left)
				}
			}
			for _, name := range renewed {
				var want, got []string
				for _, inst := range plain.Lookup(DefaultNamespace, name).Instances() {
					if !hidden[inst.Datacenter] {
						want = append(want, fmt.Sprint(inst.ID, inst.Datacenter, inst.Status))
					}
				}
				for _, inst := range c.Lookup(DefaultNamespace, name).Instances() {
					got = append(got, fmt.Sprint(inst.ID, inst.Datacenter, inst.Status))
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%s hiding %v: %q, want %q", name, hidden, got, want)
				}
			}
		}
		renew := func(name string) {
			for _, dc := range dcs {
				c.Renew(moment(0), ServiceKey{DefaultNamespace, name}, dc)
			}
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			key := Key{DefaultNamespace, rapid.SampledFrom(services).Draw(t, "service"), rapid.StringMatching("[a-c]").Draw(t, "id")}
			dc := rapid.SampledFrom(dcs).Draw(t, "data centre")
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1:
				for _, on := range []*Catalog{c, plain} {
					i := testInstance(key.Service, key.ID, 1)
					i.Datacenter = dc
					on.Register(moment(0), i)
				}
			case 2:
				c.Delete(moment(0), key, KindRegistration, Deregistered)
				plain.Delete(moment(0), key, KindRegistration, Deregistered)
			case 3:
				c.SetOverride(moment(0), key, Override{Status: StatusDown})
				plain.SetOverride(moment(0), key, Override{Status: StatusDown})
			case 4:
				hidden[dc] = !hidden[dc]
				c.Hide(dc, hidden[dc])
			case 5:
				renew(key.Service)
				check(key.Service)
			}
			check()
		}
		for _, name := range services {
			renew(name)
		}
		check(services...)
	})
}
