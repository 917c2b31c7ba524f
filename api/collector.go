package api

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/native"
)

// nodeCollector asks the node at each scrape, so that nothing has to be kept in step between two.
type nodeCollector struct {
	node    Node
	waiting func() native.Waiting
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("muster_"+name, help, labels, nil)
}

var (
	descBuild      = desc("build_info", "1, labelled with the versions of the node and of Go.", "version", "goversion")
	descReady      = desc("ready", "1 if the node answers questions about the registry, else 0.")
	descStarted    = desc("start_time_seconds", "When the node started, in seconds since 1970.")
	descHealth     = desc("health_score", "How unwell the node finds itself, as memberlist counts it: 0 is well.")
	descMembers    = desc("members", "Nodes that this one knows, by data centre and state.", "datacenter", "state")
	descServices   = desc("services", "Services that have instances.")
	descInstances  = desc("instances", "Instances of all services.")
	descTombstones = desc("tombstones", "Deletions that are remembered.")
	descLeases     = desc("leases", "Leases held by this node.")

	descPreserving = desc("self_preservation", "State of self-preservation by scope: 0 normal, 1 preserving, 2 recovering.", "scope")
	descPreserved  = desc("preserved_instances", "Expired instances that are kept, by scope. Scopes overlap.", "scope")
	descExpected   = desc("renewals_expected", "Leases that should renew, by scope. Scopes overlap.", "scope")
	descRenewed    = desc("renewals_renewed", "Leases that do renew, by scope. Scopes overlap.", "scope")
	descLost       = desc("renewals_lost", "Leases that are silent or were evicted lately, by scope. Scopes overlap.", "scope")

	descUnreachable = desc("datacenter_unreachable", "1 if another data centre cannot be reached, else 0.", "datacenter")
	descRemote      = desc("datacenter_instances", "Instances of another data centre that are held here.", "datacenter")
	descHidden      = desc("datacenter_hidden_instances", "Those that are left out of answers, because their data centre has not been reachable for too long.", "datacenter")

	descProbes = desc("evidence_probes_total", "Connections tried to expired instances that are kept, by what came of it.", "outcome")

	descWaiting     = desc("watch_streams", "Requests that wait for changes, by kind.", "kind")
	descDivergences = desc("divergences_total", "Equal version vectors with unequal state hashes. Anything but 0 is a defect.")
)

// states are the values of descPreserving.
var states = map[string]float64{"NORMAL": 0, "PRESERVING": 1, "RECOVERING": 2}

// replication is the counters of muster.Replication, each with its metric.
var replication = []struct {
	desc *prometheus.Desc
	of   func(*muster.Replication) uint64
}{
	{desc("replication_fresh_total", "Deltas received that were new."), func(r *muster.Replication) uint64 { return r.Fresh }},
	{desc("replication_duplicates_total", "Deltas received that were not new."), func(r *muster.Replication) uint64 { return r.Duplicates }},
	{desc("replication_wanted_total", "Missing deltas asked for."), func(r *muster.Replication) uint64 { return r.Wanted }},
	{desc("replication_syncs_total", "Synchronisations with a peer that this node began."), func(r *muster.Replication) uint64 { return r.Syncs }},
	{desc("replication_sync_failures_total", "Synchronisations that failed."), func(r *muster.Replication) uint64 { return r.SyncsFailed }},
	{desc("replication_syncs_served_total", "Synchronisations that a peer began."), func(r *muster.Replication) uint64 { return r.SyncsServed }},
	{desc("replication_malformed_total", "Messages that could not be read. They change nothing."), func(r *muster.Replication) uint64 { return r.Malformed }},
	{desc("replication_dropped_total", "Messages that came faster than they were read."), func(r *muster.Replication) uint64 { return r.Dropped }},
	{desc("replication_renewals_forwarded_total", "Renewals passed to their home node."), func(r *muster.Replication) uint64 { return r.Forwarded }},
	{desc("replication_sent_bytes_total", "Bytes sent to peers."), func(r *muster.Replication) uint64 { return r.BytesSent }},
	{desc("replication_received_bytes_total", "Bytes received from peers."), func(r *muster.Replication) uint64 { return r.BytesRecv }},
	{descDivergences, func(r *muster.Replication) uint64 { return r.Divergences }},
}

// Describe names the metrics.
func (c *nodeCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descBuild, descReady, descStarted, descHealth, descMembers, descServices, descInstances, descTombstones, descLeases,
		descPreserving, descPreserved, descExpected, descRenewed, descLost, descUnreachable, descRemote, descHidden, descProbes, descWaiting,
	} {
		out <- d
	}
	for _, r := range replication {
		out <- r.desc
	}
}

// Collect asks the node.
func (c *nodeCollector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	info := c.node.Info()
	gauge(descBuild, 1, info.Version, runtime.Version())
	ready := 0.0
	if info.Ready {
		ready = 1
	}
	gauge(descReady, ready)
	gauge(descStarted, float64(info.Started.UnixMilli())/1000)
	gauge(descHealth, float64(info.Health))
	gauge(descServices, float64(info.Catalog.Services))
	gauge(descInstances, float64(info.Catalog.Instances))
	gauge(descTombstones, float64(info.Catalog.Tombstones))
	gauge(descLeases, float64(info.Leases))
	c.members(gauge)
	sp := c.node.SelfPreservation()
	for _, s := range sp.Scopes {
		gauge(descPreserving, states[s.State], s.Name)
		gauge(descPreserved, float64(s.Preserved), s.Name)
		gauge(descExpected, float64(s.Expected), s.Name)
		gauge(descRenewed, float64(s.Renewed), s.Name)
		gauge(descLost, float64(s.Lost), s.Name)
	}
	for _, d := range sp.Datacenters {
		unreachable, hidden := 0, 0
		if !d.Reachable {
			unreachable = 1
		}
		if d.Hidden {
			hidden = d.Instances
		}
		gauge(descUnreachable, float64(unreachable), d.Datacenter)
		gauge(descRemote, float64(d.Instances), d.Datacenter)
		gauge(descHidden, float64(hidden), d.Datacenter)
	}
	count := func(n int, outcome string) {
		out <- prometheus.MustNewConstMetric(descProbes, prometheus.CounterValue, float64(n), outcome)
	}
	count(sp.Probes.Refused, "refused")
	count(sp.Probes.Connected, "connected")
	count(sp.Probes.Unanswered, "unanswered")
	w := c.waiting()
	gauge(descWaiting, float64(w.Watches), "watch")
	gauge(descWaiting, float64(w.Events), "events")
	gauge(descWaiting, float64(w.LongPolls), "long_poll")
	for _, r := range replication {
		out <- prometheus.MustNewConstMetric(r.desc, prometheus.CounterValue, float64(r.of(&info.Replication)))
	}
}

// members counts by data centre and state. A state without members is 0, so that an alert sees it fall.
func (c *nodeCollector) members(gauge func(*prometheus.Desc, float64, ...string)) {
	type group struct{ datacenter, state string }
	counts := map[group]int{}
	for _, state := range []string{"alive", "suspect", "left", "failed"} {
		counts[group{c.node.Datacenter(), state}] = 0
	}
	for _, m := range c.node.Members() {
		counts[group{m.Datacenter, m.State}]++
	}
	for g, n := range counts {
		gauge(descMembers, float64(n), g.datacenter, g.state)
	}
}
