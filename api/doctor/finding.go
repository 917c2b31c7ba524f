package doctor

import (
	"cmp"
	"slices"
	"time"
)

// Severity says whether a finding asks for someone.
type Severity string

// The severities, worst first.
const (
	// Error is something that does not work, or will not after the next failure.
	Error Severity = "error"
	// Warning is something that works and should not be left as it is.
	Warning Severity = "warning"
	// Info is something to know.
	Info Severity = "info"
)

// rank orders severities, worst first.
func (s Severity) rank() int { return slices.Index([]Severity{Error, Warning, Info}, s) }

// Finding is one thing that was found.
type Finding struct {
	Severity Severity `json:"severity"`
	// Subject is what it is about: "datacenter dc2", "member n3", "node n1".
	Subject string `json:"subject"`
	// What is wrong, in words.
	What string `json:"what"`
	// Since is when it began; null if that is not known.
	Since *time.Time `json:"since"`
	// Why it is so, as far as this node can tell, and what follows from it.
	Why string `json:"why"`
	// Remedy is what to do.
	Remedy string `json:"remedy"`
}

// Report is the answer of the API.
type Report struct {
	Node       string    `json:"node"`
	Datacenter string    `json:"datacenter"`
	At         time.Time `json:"at"`
	// Healthy says that nothing above information was found.
	Healthy  bool      `json:"healthy"`
	Findings []Finding `json:"findings"`
}

// Examine makes the report of those facts.
func Examine(f Facts) Report {
	r := Report{Node: f.Node.Name, Datacenter: f.Node.Datacenter, At: f.Now.UTC(), Healthy: true, Findings: []Finding{}}
	for _, check := range checks {
		r.Findings = append(r.Findings, check(&f)...)
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(a.Severity.rank(), b.Severity.rank()) })
	for _, found := range r.Findings {
		r.Healthy = r.Healthy && found.Severity == Info
	}
	return r
}

// checks are all that is looked for. Within a severity findings have this order.
var checks = []func(*Facts) []Finding{
	notReady, datacenters, gateways, failedGateways, preservation, members, unreached, divergence, differences, clocks,
	addresses, versions, encryption, certificates, snapshots,
}

// at is a time as findings have it; nil if it is not known.
func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}
