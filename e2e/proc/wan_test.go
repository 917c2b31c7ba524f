package proc

import (
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// Three data centres of two nodes, each node on a host of its own and a gateway, all links encrypted. What one registers
// all list; where two have no path to each other but by the third it still comes; a data centre that nobody reaches is
// kept, and marked, and so are all others there; and after the heal all six nodes are equal.
func TestThreeDatacentersOnRealHosts(t *testing.T) {
	requires(t, "ip", "nft")
	network := newNetwork(t, "wan", 6, 0)
	datacenter := func(h *host) string { return "dc" + string('1'+(h.name[1]-'1')/2) }
	agents := map[*host]*agent{}
	for i, h := range network.hosts {
		patient := *h.http()
		patient.Timeout = client.Timeout
		a := &agent{t: t, name: h.name, bin: binary(t), within: h.within(), client: &patient}
		flags := []string{
			"--dc", datacenter(h), "--bind", net.JoinHostPort(h.ip, "7946"), "--wan-bind", net.JoinHostPort(h.ip, "7947"),
			"--http", net.JoinHostPort(h.ip, "8761"), "--insecure", "--encrypt", clusterKey,
		}
		if i%2 == 1 {
			flags = append(flags, "--join", net.JoinHostPort(network.hosts[i-1].ip, "7946"))
		}
		if i > 0 {
			flags = append(flags, "--wan-join", "10.213.0.1:7947")
		}
		a.launch(flags...)
		agents[h] = a
	}
	// all waits until every node says so.
	all := func(limit time.Duration, what string, ok func(h *host, a *agent) bool) time.Duration {
		t.Helper()
		began := time.Now()
		for h, a := range agents {
			a.until(limit, what, func() bool { return ok(h, a) })
		}
		return time.Since(began)
	}
	list := func(a *agent) map[string]instance { return a.instances("web?dc=*") }
	lists := func(ids ...string) func(*host, *agent) bool {
		return func(_ *host, a *agent) bool { return slices.Equal(slices.Sorted(maps.Keys(list(a))), ids) }
	}
	hosts := func(dc string) (found []*host) {
		for _, h := range network.hosts {
			if datacenter(h) == dc {
				found = append(found, h)
			}
		}
		return found
	}
	for _, a := range agents {
		a.waitReady(20 * time.Second)
	}
	all(20*time.Second, "linked", func(_ *host, a *agent) bool {
		out, status := a.cli("members", "--wan")
		return status == 0 && strings.Count(out, "alive") == 6
	})
	all(20*time.Second, "reaching the other two", func(_ *host, a *agent) bool { return len(reached(a)) == 2 })

	a, b, c := agents[network.hosts[1]], agents[network.hosts[2]], agents[network.hosts[5]]
	a.register("web", "1", "10m")
	t.Logf("everywhere %v after it was registered", all(time.Second, "listing it", lists("1")))

	network.partition(hosts("dc1"), hosts("dc2"))
	time.Sleep(5 * time.Second) // A link is given up after 3.
	a.register("web", "2", "10m")
	b.register("web", "3", "10m")
	t.Logf("everywhere by the third after %v", all(5*time.Second, "listing what came by the third", lists("1", "2", "3")))
	for h, a := range agents {
		if s := away(a); len(s) > 0 {
			t.Errorf("%s takes %q for unreachable, which it reaches by the third", h.name, s)
		}
	}

	network.partition(hosts("dc1"), hosts("dc3"))
	all(30*time.Second, "saying what it cannot reach", func(h *host, a *agent) bool {
		if datacenter(h) == "dc1" {
			return slices.Equal(away(a), []string{"dc2"}) // Nothing is registered in dc3.
		}
		return slices.Equal(away(a), []string{"dc1"})
	})
	a.register("web", "4", "10m")
	c.register("web", "5", "10m")
	all(5*time.Second, "marking what is elsewhere", func(h *host, a *agent) bool {
		for id, i := range list(a) {
			elsewhere := strings.Contains("124", id) != (datacenter(h) == "dc1")
			if i.Preserved != elsewhere || i.Status != "UP" {
				return false
			}
		}
		return len(list(a)) == 4
	})

	network.heal()
	healed := all(30*time.Second, "whole", lists("1", "2", "3", "4", "5"))
	hash := func(a *agent) string {
		var node struct {
			Catalog     struct{ Hash string }
			Replication struct{ Divergences, Malformed int }
		}
		a.get("/api/v1/node", &node)
		if node.Replication.Divergences+node.Replication.Malformed > 0 {
			t.Errorf("%s: %+v", a.name, node.Replication)
		}
		return node.Catalog.Hash
	}
	all(10*time.Second, "equal", func(_ *host, x *agent) bool { return hash(x) == hash(a) })
	all(30*time.Second, "reaching everyone", func(_ *host, a *agent) bool {
		for _, i := range list(a) {
			if i.Preserved {
				return false
			}
		}
		return len(away(a)) == 0
	})
	t.Logf("whole %v after the heal", healed)
}

// away is the data centres that an agent cannot reach.
func away(a *agent) (found []string) {
	for name := range scopes(a) {
		if dc, is := strings.CutPrefix(name, "datacenter:"); is {
			found = append(found, dc)
		}
	}
	slices.Sort(found)
	return found
}

// reached is the data centres that an agent's gateway has a link to, or its partner has.
func reached(a *agent) map[string]bool {
	var list struct {
		Members []struct {
			Datacenter string
			Links      []string
		}
	}
	a.get("/api/v1/members?wan=true", &list)
	var self struct{ DC string }
	a.get("/api/v1/node", &self)
	found := map[string]bool{}
	for _, m := range list.Members {
		if m.Datacenter == self.DC {
			for _, far := range m.Links {
				dc, _, _ := strings.Cut(far, "/")
				found[dc] = true
			}
		}
	}
	return found
}
