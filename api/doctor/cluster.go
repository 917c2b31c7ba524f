package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/musterhq/muster"
)

// notReady is the node itself, which turns clients away.
func notReady(f *Facts) []Finding {
	if f.Node.Ready {
		return nil
	}
	return []Finding{{
		Error, "node " + f.Node.Name, "it is not ready: it answers questions about the registry with 503", at(f.Node.Started), f.Node.Reason,
		"see that the nodes of --join are running and can be reached by UDP and TCP; after --ready-wait it serves what it has",
	}}
}

// datacenters are the others that cannot be reached.
func datacenters(f *Facts) (out []Finding) {
	for _, d := range f.SelfPreservation.Datacenters {
		if d.Reachable {
			continue
		}
		severity, what := Error, "it cannot be reached by any path"
		switch {
		case d.Instances == 0:
			severity = Info
		case d.Hidden:
			what += ": " + instances(d.Instances) + " kept, and left out of answers"
		default:
			what += ": " + instances(d.Instances) + " kept, and marked preserved"
		}
		var since time.Time
		if d.Since != nil {
			since = *d.Since
		}
		out = append(out, Finding{
			severity, "datacenter " + d.Datacenter, what, at(since), d.Summary,
			"see that a gateway runs on each side and that --wan-bind of the other can be reached, by UDP and TCP: muster members --wan",
		})
	}
	return out
}

// instances is so many of them with their verb.
func instances(n int) string {
	if n == 1 {
		return "its one instance is"
	}
	return fmt.Sprintf("its %d instances are", n)
}

// gateways is whether this data centre has enough of them.
func gateways(f *Facts) []Finding {
	known, alive := f.SelfPreservation.Datacenters, len(f.alive())
	if len(known) == 0 {
		return nil
	}
	const remedy = "start a node of this data centre, better two, with --wan-bind and --wan-join"
	switch own := f.Condition.Gateways; {
	case len(own) == 0:
		return []Finding{{
			Error, "datacenter " + f.Node.Datacenter, "it has no gateway, though there are other data centres", nil,
			"no member has said for 16 s which of them it reaches, so nothing is exchanged with them", remedy,
		}}
	case len(own) == 1 && alive > 1:
		return []Finding{{
			Warning, "datacenter " + f.Node.Datacenter, "it has one gateway only: " + own[0], nil,
			"when that is gone, it is cut off from all others", "start another of its members with --wan-bind and --wan-join",
		}}
	case len(own) == 1:
		return []Finding{{
			Info, "datacenter " + f.Node.Datacenter, "it is one node, which is its gateway too", nil,
			"when that is gone, what it holds is kept elsewhere, and nobody answers here", "start a second node, with --join, --wan-bind and --wan-join",
		}}
	}
	return nil
}

// failedGateways are those of other data centres; those of this one are members.
func failedGateways(f *Facts) (out []Finding) {
	for _, g := range f.Gateways {
		if g.Datacenter != f.Node.Datacenter && g.State == "failed" {
			out = append(out, Finding{
				Warning, "gateway " + g.Datacenter + "/" + g.Name, "it does not answer", at(g.Since),
				"it has stopped without a word, or this gateway is cut off from it; others take its links over, if there are any",
				"see to the machine, or start it again",
			})
		}
	}
	return out
}

// flapping is how many failures within muster.FailureWindow are more than one bad moment.
const flapping = 3

// members are those that failed, and those that fail again and again.
func members(f *Facts) (out []Finding) {
	for _, m := range f.Members {
		switch n := f.Condition.Failures[m.Name]; {
		case n >= flapping:
			out = append(out, Finding{
				Warning, "member " + m.Name, fmt.Sprintf("it has failed %d times within %v, and is %s now", n, muster.FailureWindow, m.State), at(m.Since),
				"its machine or its network stalls, or two nodes share its name or address",
				"look at its CPU, memory and packet loss, and at the log for two nodes of one name",
			})
		case m.State == "failed":
			out = append(out, Finding{
				Warning, "member " + m.Name, "it has failed", at(m.Since),
				"it has stopped without a word, or this node is cut off from it; its leases are with their heirs",
				"start it again; if it is gone for good: muster force-leave " + m.Name,
			})
		}
	}
	return out
}

// preservation is what self-preservation does; unreachable data centres are findings of their own.
func preservation(f *Facts) (out []Finding) {
	if held := f.SelfPreservation.Held; held != "" {
		out = append(out, Finding{
			Warning, "node " + f.Node.Name, "it judges no lease", nil, held, "see whether the machine is overloaded, or was suspended",
		})
	}
	for _, s := range f.SelfPreservation.Scopes {
		if strings.HasPrefix(s.Name, "datacenter:") || s.State == "NORMAL" {
			continue
		}
		severity, ends := Warning, fmt.Sprintf("at least %d of %d leases have to renew again", least(s), s.Expected)
		if s.State == "RECOVERING" {
			severity, ends = Info, "enough renew again: it ends by itself"
		}
		var since time.Time
		if s.Since != nil {
			since = *s.Since
		}
		out = append(out, Finding{
			severity, "scope " + s.Name,
			fmt.Sprintf("self-preservation: %d of %d leases are silent, and %d expired instances are kept", s.Lost, s.Expected, s.Preserved),
			at(since), s.Reason,
			ends + "; find out what is between the clients and this node; instances that are gone for good: muster deregister",
		})
	}
	return out
}

// least is how many leases of a scope have to renew for it not to preserve.
func least(s muster.Scope) int {
	n := int(s.Threshold * float64(s.Expected))
	if float64(n) < s.Threshold*float64(s.Expected) {
		n++
	}
	return n
}

// addresses are those that others cannot use.
func addresses(f *Facts) (out []Finding) {
	useless := func(m muster.Member) bool { return isLocal(m.Address) }
	if !slices.ContainsFunc(f.Members, func(m muster.Member) bool { return !useless(m) }) {
		return nil // All on one machine.
	}
	for _, m := range f.Members {
		if useless(m) && m.State == "alive" {
			out = append(out, Finding{
				Error, "member " + m.Name, "it tells others the address " + m.Address + ", which leads nowhere from another machine", at(m.Since),
				"it listens on loopback, or was given that to advertise; other members are elsewhere",
				"start it with --bind on an address of its network, or with --advertise",
			})
		}
	}
	return out
}

// versions is whether all members are of one.
func versions(f *Facts) []Finding {
	by := map[string][]string{}
	for _, m := range f.alive() {
		by[m.Version] = append(by[m.Version], m.Name)
	}
	if len(by) < 2 {
		return nil
	}
	var parts []string
	for version, names := range by {
		slices.Sort(names)
		parts = append(parts, version+": "+strings.Join(names, ", "))
	}
	slices.Sort(parts)
	return []Finding{{
		Warning, "datacenter " + f.Node.Datacenter, "its members are of different versions", nil, strings.Join(parts, "; "),
		"finish the upgrade: restart those of the older version, one after the other",
	}}
}
