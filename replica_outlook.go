package muster

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/musterhq/muster/selfpreserve"
)

// Remote is another data centre, as this node knows it.
type Remote struct {
	Datacenter string `json:"datacenter"`
	// Reachable says that a gateway of this data centre reaches it, by whatever path.
	Reachable bool `json:"reachable"`
	// Since is, of one that cannot be reached, when that began; null of one that can.
	Since *time.Time `json:"since"`
	// RTT is the estimated round trip, a Go duration; empty if it is not known.
	RTT string `json:"rtt,omitempty"`
	// Instances is how many of its instances are held here, Hidden that they are left out of answers: see
	// Config.RemoteMaxAge.
	Instances int  `json:"instances"`
	Hidden    bool `json:"hidden"`
	// Gateways are those of this data centre that reach it, or that were the last to: "datacenter/name".
	Gateways []string `json:"gateways"`
	// Summary says all of it in words.
	Summary string `json:"summary"`
}

// sighting is when a data centre was reached last, and when by which gateway.
type sighting struct {
	wall time.Time
	mono selfpreserve.Instant
	by   map[string]selfpreserve.Instant
}

// sightAge is how long a data centre is remembered that is not reached, and has no instances.
const sightAge = 72 * time.Hour

// sight notes whom a gateway reaches.
func (r *Replica) sight(gateway string, world []Distance) {
	w := &r.wan
	for _, d := range world {
		s := w.known[d.Datacenter]
		if s == nil {
			s = &sighting{by: make(map[string]selfpreserve.Instant)}
			w.known[d.Datacenter] = s
		}
		s.wall, s.mono, s.by[gateway] = r.at.Wall, r.at.Mono, r.at.Mono
		maps.DeleteFunc(s.by, func(_ string, at selfpreserve.Instant) bool { return s.mono-at > worldAge })
	}
	maps.DeleteFunc(w.known, func(dc string, s *sighting) bool { return r.at.Mono-s.mono > sightAge && w.abroad[dc] == 0 })
}

// Gateways is the gateways of this data centre, "datacenter/name", of which has been heard lately, this node among them.
func (r *Replica) Gateways() []string {
	gateways := []string{}
	for _, id := range slices.Sorted(maps.Keys(r.wan.heard)) {
		if r.at.Mono-r.wan.heard[id].at <= worldAge && (id == r.id || r.peers.alive(id)) {
			gateways = append(gateways, id)
		}
	}
	return gateways
}

// Remotes is the other data centres that have instances or were ever reached in this life of the node, by name.
func (r *Replica) Remotes() []Remote {
	w := &r.wan
	reached := make(map[string]Distance)
	for _, d := range r.Distances() {
		reached[d.Datacenter] = d
	}
	names := slices.Collect(maps.Keys(w.known))
	names = slices.AppendSeq(names, maps.Keys(w.abroad))
	slices.Sort(names)
	names = slices.Compact(names)
	out := make([]Remote, 0, len(names))
	for _, dc := range names {
		remote := Remote{Datacenter: dc, Instances: w.abroad[dc], Gateways: []string{}}
		if s := w.known[dc]; s != nil {
			remote.Gateways = slices.AppendSeq(remote.Gateways, maps.Keys(s.by))
			slices.Sort(remote.Gateways)
		}
		if d, is := reached[dc]; is {
			remote.Reachable = true
			if d.RTT > 0 {
				remote.RTT = d.RTT.Round(time.Microsecond).String()
			}
		} else {
			since := r.unseen(dc)
			remote.Since, remote.Hidden = &since, w.away[dc].hidden
		}
		remote.Summary = r.summary(&remote)
		out = append(out, remote)
	}
	return out
}

// unseen is since when a data centre that is not reached has not been.
func (r *Replica) unseen(dc string) time.Time {
	since := r.wall(r.wan.begun)
	if a, is := r.wan.away[dc]; is {
		since = a.since
	} else if s := r.wan.known[dc]; s != nil {
		since = s.wall
	}
	return since.UTC().Truncate(time.Millisecond)
}

// summary is a data centre in words.
func (r *Replica) summary(d *Remote) string {
	if d.Reachable {
		return fmt.Sprintf("%s can be reached by %s; %s held here", d.Datacenter, strings.Join(d.Gateways, ", "), counted(d.Instances))
	}
	text := fmt.Sprintf("%s has not been reachable by any path since %s", d.Datacenter, d.Since.Format(time.RFC3339))
	if len(d.Gateways) > 0 {
		text += ", when " + strings.Join(d.Gateways, ", ") + " reached it last"
	}
	switch {
	case d.Instances == 0:
		return text + "; no instance of it is held here"
	case d.Hidden:
		return fmt.Sprintf("%s: %s kept as last known, and left out of answers, because that is longer than %v, until it can be reached again; only its own members may evict",
			text, counted(d.Instances), r.cfg.RemoteMaxAge)
	default:
		return fmt.Sprintf("%s: %s kept as last known, and marked preserved; only its own members may evict", text, counted(d.Instances))
	}
}

// counted is so many instances with their verb.
func counted(n int) string {
	switch n {
	case 0:
		return "no instance of it is"
	case 1:
		return "its one instance is"
	default:
		return fmt.Sprintf("its %d instances are", n)
	}
}

// awayScopes is self-preservation towards data centres that cannot be reached and have instances.
func (r *Replica) awayScopes() []Scope {
	var out []Scope
	for _, d := range r.Remotes() {
		if _, is := r.wan.away[d.Datacenter]; is {
			out = append(out, Scope{
				Name: "datacenter:" + d.Datacenter, State: "PRESERVING", Expected: d.Instances, Lost: d.Instances,
				Threshold: r.cfg.Preserve.Threshold, Since: d.Since, Preserved: d.Instances, Reason: d.Summary,
			})
		}
	}
	return out
}
