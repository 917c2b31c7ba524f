package proc

import (
	"slices"
	"testing"
	"time"
)

// fleet is a cluster of real hosts under load.
type fleet struct {
	t     *testing.T
	net   *network
	nodes []*host
	at    map[string]*agent
	load  *load
}

// startFleet starts an agent on each of n hosts, and clients on two more.
func startFleet(t *testing.T, name string, n, clients int, flags func(h *host) []string) *fleet {
	t.Helper()
	requires(t, "ip", "nft")
	f := &fleet{t: t, net: newNetwork(t, name, n, 2), at: map[string]*agent{}}
	for _, h := range f.net.hosts {
		if h.node {
			f.nodes = append(f.nodes, h)
			f.at[h.name] = h.start(flags(h)...)
		}
	}
	for _, a := range f.at {
		a.waitReady(20 * time.Second)
	}
	f.load = startLoad(t, clients, f.net.pick("c1 c2"), f.nodes)
	f.run(3 * time.Second)
	return f
}

// run lets time pass.
func (f *fleet) run(d time.Duration) {
	f.t.Helper()
	time.Sleep(d)
	f.goOn()
}

// goOn ends the test if a promise has been broken.
func (f *fleet) goOn() {
	f.t.Helper()
	if f.t.Failed() {
		f.t.FailNow()
	}
}

// divide gives each client host one side of a cut that is to come, and waits until what was said before is everywhere.
func (f *fleet) divide(left, right []*host) {
	f.t.Helper()
	f.load.reaches(f.net.host("c1"), left)
	f.load.reaches(f.net.host("c2"), right)
	f.run(time.Second)
}

// heal ends every cut and loss.
func (f *fleet) heal() {
	f.t.Helper()
	f.load.heals(true)
	f.net.heal()
}

// agree waits until every agent sees every other one alive and all have equal vectors and hashes, by muster verify. Then
// all clients reach all nodes again, and every node is held to the whole ledger.
func (f *fleet) agree(limit time.Duration) {
	f.t.Helper()
	start := time.Now()
	for _, a := range f.at {
		a.until(limit, "seeing all others", func() bool {
			var list struct{ Members []struct{ State string } }
			a.get("/api/v1/members", &list)
			alive := 0
			for _, m := range list.Members {
				if m.State == "alive" {
					alive++
				}
			}
			return alive == len(f.at)
		})
	}
	whole := time.Since(start)
	out, status := f.at["n1"].cli("verify", "--wait", (limit - whole).String())
	if status != 0 {
		f.t.Fatalf("muster verify: exit status %d\n%s", status, out)
	}
	f.t.Logf("all members after %.1f s, muster verify exits 0 after %.1f s", whole.Seconds(), time.Since(start).Seconds())
	f.load.heals(false)
	for _, c := range f.net.pick("c1 c2") {
		f.load.reaches(c, f.nodes)
	}
	f.run(2 * time.Second)
}

// scopes is the states of self-preservation at an agent, by scope, of those that are not normal.
func scopes(a *agent) map[string]string {
	var sp struct {
		Scopes []struct{ Name, State string }
	}
	a.get("/api/v1/self-preservation", &sp)
	states := map[string]string{}
	for _, s := range sp.Scopes {
		if s.State != "NORMAL" {
			states[s.Name] = s.State
		}
	}
	return states
}

// preserves waits until one of the agents of a side preserves what it does not hear of any more, and all of them show
// instances that are marked so. A node that holds few of those leases, as their home or heir, need not preserve itself.
func (f *fleet) preserves(side []*host) {
	f.t.Helper()
	const limit = 12 * time.Second
	start := time.Now()
	for who := ""; who == ""; time.Sleep(50 * time.Millisecond) {
		for _, h := range side {
			for scope, state := range scopes(f.at[h.name]) {
				if state == "PRESERVING" {
					who = h.name + ", scope " + scope
				}
			}
		}
		if who != "" {
			f.t.Logf("preserving at %s after another %.1f s", who, time.Since(start).Seconds())
		} else if time.Since(start) > limit {
			f.t.Fatalf("nobody preserves anything within %v", limit)
		}
	}
	for _, h := range side {
		a := f.at[h.name]
		a.until(limit, "showing what is preserved", func() bool {
			for _, i := range a.instances(loadService) {
				if i.Preserved {
					return true
				}
			}
			return false
		})
	}
}

// normal waits until no agent preserves anything any more.
func (f *fleet) normal() {
	f.t.Helper()
	const limit = 20 * time.Second
	start := time.Now()
	for _, a := range f.at {
		a.until(limit, "normal again", func() bool { return len(scopes(a)) == 0 })
	}
	f.t.Logf("self-preservation is over everywhere after another %.1f s", time.Since(start).Seconds())
	f.goOn()
}

// finish ends the clients and compares every node with the whole ledger, to the last instance.
func (f *fleet) finish() {
	f.t.Helper()
	f.load.end()
	if out, status := f.at["n1"].cli("verify", "--wait", "5s"); status != 0 {
		f.t.Errorf("muster verify: exit status %d\n%s", status, out)
	}
	time.Sleep(f.load.settle)
	want := f.load.claim("")
	for _, n := range f.nodes {
		seen, err := visible(f.t.Context(), f.net.host("c1"), n)
		if err != nil {
			f.t.Fatal(err)
		}
		f.load.compare(n.name, want, seen)
		var info struct {
			Replication struct{ Divergences, Malformed int }
		}
		f.at[n.name].get("/api/v1/node", &info)
		if info.Replication.Divergences != 0 || info.Replication.Malformed != 0 {
			f.t.Errorf("%s: %+v", n.name, info.Replication)
		}
	}
	c := f.load.count
	f.t.Logf("%d registrations, %d renewals and %d deregistrations were acknowledged; nodes were held to it %d times, and %d instances blinked at a heal",
		c.registered, c.renewed, c.deregistered, c.looks, c.blinks)
	if c.lapsed > 0 {
		f.t.Errorf("%d renewals were not acknowledged in time: some node did not serve its clients", c.lapsed)
	}
}

// Nodes lose sight of each other in every way, and clients on both sides go on. Nothing that was acknowledged is lost on
// a side that hears of it, and the whole agrees soon after each heal.
func TestNetworkFaultsLoseNothing(t *testing.T) {
	t.Parallel()
	f := startFleet(t, "cuts", 5, 15, func(*host) []string { return nil })
	all, c1, c2 := f.nodes, f.net.pick("c1"), f.net.pick("c2")

	t.Log("cut in halves, two of five and three")
	left := f.net.pick("n1 n2")
	right := others(all, left)
	f.divide(left, right)
	f.net.partition(slices.Concat(left, c1), slices.Concat(right, c2))
	cut := time.Now()
	f.preserves(left)
	f.preserves(right)
	f.run(14*time.Second - time.Since(cut))
	f.heal()
	f.agree(25 * time.Second)
	f.normal()

	t.Log("one node isolated")
	alone := f.net.pick("n5")
	rest := others(all, alone)
	f.divide(rest, rest)
	f.net.partition(alone, others(f.net.hosts, alone))
	cut = time.Now()
	f.preserves(alone)
	f.run(9*time.Second - time.Since(cut))
	f.heal()
	f.agree(25 * time.Second)
	f.normal()

	t.Log("cut in one direction")
	f.divide(left, right)
	// The silenced side hears from the other that its own members are dead, and some believe it until they hear them again.
	f.load.settles(4 * time.Second)
	f.net.cut(left, right)
	f.net.partition(left, c2)
	f.net.partition(right, c1)
	cut = time.Now()
	f.preserves(left)
	f.preserves(right)
	f.run(9*time.Second - time.Since(cut))
	f.heal()
	f.agree(25 * time.Second)
	f.normal()
	f.load.settles(time.Second)

	t.Log("three packets in ten lost between nodes")
	f.load.settles(4 * time.Second)
	f.net.lose(30)
	f.run(10 * time.Second)
	f.heal()
	f.agree(25 * time.Second)
	f.normal()
	f.load.settles(time.Second)
	f.finish()
}
