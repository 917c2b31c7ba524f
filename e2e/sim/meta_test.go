package main

import (
	"testing"

	"github.com/musterhq/muster/e2e/sim/world"
)

// Whatever the cluster looks like that an operation list is given to, the catalog that one sees in the end is the same.
func TestOneListEndsInTheSameCatalogHoweverItTravels(t *testing.T) {
	for seed := range uint64(listsInTest) {
		var want string
		for i, way := range world.Ways() {
			got, err := world.Travel(seed, way)
			switch {
			case err != nil:
				t.Fatalf("list %d, %s: %v", seed, way, err)
			case got == "":
				t.Fatalf("list %d, %s: nothing to see", seed, way)
			case i == 0:
				want = got
			case got != want:
				t.Fatalf("list %d: %s ends in\n%s\n%s ends in\n%s", seed, world.Ways()[0], want, way, got)
			}
		}
	}
}
