//go:build planted

package world

import (
	"github.com/musterhq/muster"
	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/catalog/check"
	"github.com/musterhq/muster/gossip/spread"
	"github.com/musterhq/muster/selfpreserve"
)

// planted is a bug in what the world does around the replicas.
var planted string

// Plant plants a bug wherever it belongs, or, with "", takes it out again. Only between runs.
func Plant(bug string) {
	causal.Plant(bug)
	catalog.Plant(bug)
	check.Plant(bug)
	spread.Plant(bug)
	selfpreserve.Plant(bug)
	muster.Plant(bug)
	planted = bug
}

// CanPlant says whether this build can plant bugs.
const CanPlant = true
