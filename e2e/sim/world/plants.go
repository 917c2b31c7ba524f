package world

// Plants are the bugs that the mutation check plants, one at a time. The name is all that ties a bug to the place where
// it is planted; those places are in the product's packages, compiled in only with the build tag "planted".
func Plants() []string {
	return []string{
		"a Lamport counter for each key",
		"ties are left as they come",
		"a second copy is applied again",
		"tombstones are dropped early",
		"collected tombstones leave no floor",
		"the list of what is held is not sent",
		"the vector is taken after the records",
		"a sync is finished by its first chunk",
		"digests are not compared",
		"a snapshot is believed",
		"an incarnation is used again",
		"a node writes before it has caught up",
		"a node judges before it is ready",
		"an earlier life deregisters what lives in this one",
		"what was preserved is asserted again",
		"a home asserts its lease against a new home",
		"a renewal is not passed to the home",
		"an heir has no heir",
		"the leases of a dead home go at once",
		"the preserved mark stays",
		"the expired are counted, not the overdue",
		"a recovery evicts everything at once",
		"a stopped process judges as if it had heard",
		"failed members are not joined again",
		"what a check found is not written",
		"a report is not passed to the home",
		"an heir leaves permanent instances alone",
		"mass silence turns TTL checks critical",
		"silence ends a permanent instance",
		"a critical instance goes at once",
		"a time-out counts as refused",
		"a refusal is not taken",
		"another data centre's instance is evicted",
		"what comes over a link is not passed on",
	}
}
