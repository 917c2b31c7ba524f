package catalog

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// Applying the difference to the older view gives the newer one, whichever chunks they share.
func TestDifferenceLeadsFromOneViewToTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCatalog("a")
		change := func(label string) {
			for range rapid.IntRange(0, 300).Draw(t, label) {
				id := strconv.Itoa(rapid.IntRange(0, 500).Draw(t, "id"))
				if rapid.IntRange(0, 2).Draw(t, "delete") == 0 {
					c.Delete(moment(0), Key{DefaultNamespace, "s", id}, KindRegistration, Evicted)
				} else {
					c.Register(moment(0), testInstance("s", id, 1))
				}
			}
		}
		change("before")
		old := c.Lookup(DefaultNamespace, "s")
		change("after")
		v := c.Lookup(DefaultNamespace, "s")
		got := map[string]*Instance{}
		for _, i := range old.Instances() {
			got[i.ID] = i
		}
		for _, ch := range v.Since(old) {
			if got[ch.Key.ID] != ch.Old {
				t.Fatalf("%s was %p, the difference says %p", ch.Key.ID, got[ch.Key.ID], ch.Old)
			}
			if ch.New == nil {
				delete(got, ch.Key.ID)
			} else {
				got[ch.Key.ID] = ch.New
			}
		}
		if len(got) != v.Len() {
			t.Fatalf("leads to %d instances, want %d", len(got), v.Len())
		}
		for _, i := range v.Instances() {
			if got[i.ID] != i {
				t.Fatalf("%s is another", i.ID)
			}
		}
	})
}
