package selfpreserve

import (
	"slices"
	"testing"
)

func TestLeasesWhoseHashesAreEqualAreToldApart(t *testing.T) {
	leases := newTable[string]()
	a, b := &lease[string]{key: "a"}, &lease[string]{key: "b"}
	leases.byHash[leases.hash("b")] = a // As if a had b's hash.
	if leases.get("b") != nil {
		t.Fatal("a was found under the name of b")
	}
	leases.put(b)
	if leases.get("b") != b || leases.len() != 2 {
		t.Fatalf("b is not found beside a, of %d leases", leases.len())
	}
	if all := slices.Collect(leases.all()); len(all) != 2 || !slices.Contains(all, a) || !slices.Contains(all, b) {
		t.Fatalf("all yields %v", all)
	}
	leases.remove(b)
	if leases.get("b") != nil || leases.len() != 1 {
		t.Fatal("b is there after its removal, or a has gone with it")
	}
}
