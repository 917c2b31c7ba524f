package main

import (
	"math"
	"slices"
	"strings"
)

// The size that the page at the end of RESULTS.md looks ahead to.
const (
	farNodes     = 5000
	farInstances = 10_000_000
	// farRenewal is how often a lease is renewed, in seconds: three times in a TTL of 30 s.
	farRenewal = 10.0
	// farWrites is the share of instances that change in an hour: each twice a day.
	farWrites = 2.0 / 24
	// probeBytes is what an idle node sends in a second, for membership, whatever the number of instances.
	probeBytes = 150.0
)

// outlook extrapolates what was measured to a size that this machine cannot hold: what breaks first, and what to do then.
// Its numbers are computed; what cannot be computed for lack of a result is left out.
func outlook(results []*result, p func(format string, args ...any)) {
	p("## At %s nodes and %s instances\n", amount(farNodes, ""), amount(farInstances, ""))
	p("Nobody has run this. It takes the figures above, the largest size of each, and multiplies by what the design says a cost "+
		"grows with. The assumptions: leases are renewed every %.0f s, and each instance changes %s times a day.\n", farRenewal, amount(farWrites*24, ""))
	var limits []limit
	add := func(l limit, ok bool) {
		if ok {
			limits = append(limits, l)
		}
	}
	add(farMemory(results))
	add(farCollector(results))
	add(farJoin(results))
	add(farStart(results))
	add(farSpread(results))
	add(farRenewals(results))
	add(farLatency(results))
	add(farMembers(results))
	slices.SortStableFunc(limits, func(a, b limit) int {
		switch {
		case a.strain() > b.strain():
			return -1
		case a.strain() < b.strain():
			return 1
		}
		return 0
	})
	if len(limits) == 0 {
		p("There are no results to extrapolate from.")
		return
	}
	p("| what | there | comfortable up to | strain |\n|---|---|---|---|")
	for _, l := range limits {
		p("| %s | %s | %s | %s |", l.what, amount(l.value, l.unit), amount(l.comfort, l.unit), amount(l.strain(), "x"))
	}
	p("\nStrain is the second column over the third: what is above 1 needs something done, the largest breaks first.\n")
	for _, l := range limits {
		verdict := "holds"
		if l.strain() > 1 {
			verdict = "breaks"
		}
		p("- **%s %s.** %s", upperFirst(l.what), verdict, l.why)
	}
}

// limit is one cost at the far size, and where it stops being comfortable.
type limit struct {
	what           string
	value, comfort float64
	unit           string
	why            string
}

func (l *limit) strain() float64 { return l.value / l.comfort }

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// last is the last figure of that measure in a result: that of the largest size.
func last(results []*result, name, what string) (figure, bool) {
	r := resultOf(results, name)
	if r == nil {
		return figure{}, false
	}
	for _, f := range slices.Backward(r.Figures) {
		if f.Measure == what {
			return f, true
		}
	}
	return figure{}, false
}

// growth is the last two points of a curve, as a power of its size.
func growth(results []*result, name, curveName string) (at point, power float64, ok bool) {
	r := resultOf(results, name)
	if r == nil {
		return at, 0, false
	}
	for _, c := range r.Curves {
		if n := len(c.Seen); c.Name == curveName && n >= 2 && c.Seen[n-2].Y > 0 {
			a, b := c.Seen[n-2], c.Seen[n-1]
			return b, math.Log(b.Y/a.Y) / math.Log(b.X/a.X), true
		}
	}
	return at, 0, false
}

func farMemory(results []*result) (limit, bool) {
	f, ok := last(results, "memory", "heap for an instance, in all")
	// The runtime lets the heap grow to twice what is live before it collects.
	gb := 2 * f.Value * farInstances / 1e9
	return limit{
		"memory of each node", gb, 16, "GB",
		"Every node holds everything: that is what lets it answer alone, and what bounds the number of instances. Up to the machine's " +
			"memory nothing needs to be done but to give it (GOMEMLIMIT keeps the collector from asking for twice the live heap). Beyond, " +
			"split by namespace: a data centre of nodes for each, with clients that know which.",
	}, ok
}

func farCollector(results []*result) (limit, bool) {
	f, ok := last(results, "gc", "CPU of a collection")
	at, okAt := last(results, "memory", "heap")
	if !ok || !okAt || at.Value == 0 {
		return limit{}, false
	}
	perMB := f.Value / at.Value
	heap, _ := last(results, "memory", "heap for an instance, in all")
	return limit{
		"CPU of one garbage collection", perMB * heap.Value * farInstances / 1e6 / 1e3, 30, "s",
		"It is spread over the collection's time and stops nobody, but a collection that takes longer than the garbage takes to come is " +
			"late. A higher GOGC makes them rarer at the price of memory.",
	}, true
}

func farJoin(results []*result) (limit, bool) {
	at, power, ok := growth(results, "join", "join")
	return limit{
		"join of a new node", at.Y * math.Pow(farInstances/at.X, max(1, power)), 120, "s",
		"It loads from one peer and is not ready meanwhile, which is safe. A node with a snapshot loads that, and asks its peers only for " +
			"what is newer: give nodes of this size a data directory.",
	}, ok
}

func farStart(results []*result) (limit, bool) {
	at, power, ok := growth(results, "start", "start from a snapshot")
	return limit{
		"start from a snapshot", at.Y * math.Pow(farInstances/at.X, max(1, power)), 60, "s",
		"Decoding is one goroutine's work. Blocks of the file could be decoded by all cores: they do not depend on each other.",
	}, ok
}

func farSpread(results []*result) (limit, bool) {
	f, ok := last(results, "sustained", "sent by a node")
	if !ok {
		return limit{}, false
	}
	perDelta := f.Value * 1e3 / 1000 // It was measured at 1,000 deltas a second.
	writes := farInstances * farWrites / 3600
	return limit{
		"traffic of each node", (writes*perDelta + probeBytes) / 1e3, 1000, "kB/s",
		"It does not depend on the number of nodes: each delta comes once and goes on once, whatever the size of the tree. It is the writes " +
			"that count, so a deployment of everything at once is the peak; streams take over then, coalesced.",
	}, true
}

func farRenewals(results []*result) (limit, bool) {
	f, ok := last(results, "http", "CPU a request")
	r := resultOf(results, "http")
	if r != nil {
		if v, found := r.find("renew", "CPU a request"); found {
			f.Value = v
		}
	}
	cores := farInstances / farRenewal / farNodes * f.Value / 1e6
	return limit{
		"CPU for renewals at each node", cores, 1, "cores",
		"Renewals end at the home, so they divide by the number of nodes: adding nodes adds room.",
	}, ok
}

func farLatency(results []*result) (limit, bool) {
	at, _, ok := growth(results, "sustained", "p99 at 1,000 deltas a second, virtual time")
	if !ok {
		return limit{}, false
	}
	return limit{
		"p99 of a write until every node has it", at.Y * treeHops(farNodes) / treeHops(int(at.X)), 50, "ms",
		"The tree is one or two hops deeper. It is the membership that gets slow: memberlist's own messages take seconds to reach everyone " +
			"at this size, and until they do a dead node's children get their writes by repair. Several data centres of a thousand nodes each " +
			"keep every membership small.",
	}, true
}

func farMembers(results []*result) (limit, bool) {
	at, power, ok := growth(results, "member", "a member comes")
	return limit{
		"a node's work when a member comes or goes", at.Y * math.Pow(farInstances/at.X, max(1, power)), 100, "ms",
		"Every node looks at every instance then, to know whose heir it is, and its writers wait meanwhile. Instances could be kept by " +
			"home, so that only those of the dead are looked at; and of 5,000 nodes one comes or goes every few minutes.",
	}, ok
}
