package interop

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// Unmodified clients of Eureka register at Muster, are renewed, find each other, read every field, change their status,
// live through the death and the restart of every node and through being forgotten, and are gone when they end.
func TestClientsOfEurekaLiveWithMuster(t *testing.T) {
	var s *scene
	var nodes []*node
	if *theirs {
		s = newScene(t, startEureka(t, freePort(t)))
	} else {
		var registries []registry
		for i := range 3 {
			n := startNode(t, fmt.Sprintf("n%d", i+1), nodes)
			nodes, registries = append(nodes, n), append(registries, n)
		}
		s = newScene(t, registries...)
	}
	registerRich(t, s.registries[len(s.registries)-1], "RICHER")

	s.members("registers and is found by the native API of every node", func(t *testing.T, c *client) {
		s.is(t, c, hasStatus("UP"))
		s.is(t, c, func(i *found) string {
			switch {
			case i == nil:
				return "is missing"
			case i.Address != "127.0.0.1" || i.Port == 0 || c.number != 0 && i.Port != c.number:
				return fmt.Sprintf("is at %s:%d", i.Address, i.Port)
			case c.name != i.Metadata["client"]:
				return fmt.Sprintf("has metadata %v", i.Metadata)
			}
			return ""
		})
	})
	s.each("finds another", func(t *testing.T, c *client) { c.sees(t, s.next(c).app, 1) })
	s.each("reads every field", func(t *testing.T, c *client) {
		readsRich(t, c, "RICH")   // It was there before the client: it is read with the whole registry,
		readsRich(t, c, "RICHER") // or by a delta, by those that have deltas.
	})
	s.members("is renewed", func(t *testing.T, c *client) { s.stays(t, c, 2*c.leased(), present) })
	s.members("changes its status", func(t *testing.T, c *client) {
		c.must(t, "status "+c.out, "STATUS")
		s.is(t, c, hasStatus(c.outStatus))
	})
	s.each("finds nobody that is up", func(t *testing.T, c *client) {
		want := 0
		if c.anyStatus {
			want = 1
		}
		c.sees(t, s.next(c).app, want)
	})
	s.members("changes its status back", func(t *testing.T, c *client) {
		s.stays(t, c, 2*renew, hasStatus(c.outStatus)) // Renewals do not undo it.
		c.must(t, "status "+c.back, "STATUS")
		s.is(t, c, hasStatus("UP"))
	})
	s.each("finds another again", func(t *testing.T, c *client) { c.sees(t, s.next(c).app, 1) })
	if !*theirs {
		s.killEveryHome(nodes)
		s.restartEveryNode(nodes)
	}
	s.members("registers again when it is told that it is unknown", func(t *testing.T, c *client) {
		r := s.registries[0]
		deleted := time.Now()
		if status, b, err := request("DELETE", r.eureka("/eureka")+"/apps/"+c.app+"/"+c.id, ""); err != nil || status != http.StatusOK {
			t.Fatalf("%d, %v: %s", status, err, b)
		}
		eventually(t, 15*time.Second, func() string { return registeredSince(r, c, deleted) })
		s.is(t, c, hasStatus("UP"))
	})
	s.each("finds it again", func(t *testing.T, c *client) { c.sees(t, s.next(c).app, 1) })
	ended := s.clients
	s.members("ends in order, and is gone from every node at once", func(t *testing.T, c *client) {
		c.stop(t)
		eventually(t, time.Second, func() string { return s.everywhere(c, absent) })
		s.stays(t, c, 3*time.Second, absent)
	})
	s.each("finds that all have ended", func(t *testing.T, c *client) {
		if c.reads {
			for _, o := range ended {
				c.sees(t, o.app, 0)
			}
			c.stop(t)
		}
	})
}

// registeredSince says what is wrong with when the instance was registered, as the dialect tells it.
func registeredSince(r registry, c *client, then time.Time) string {
	status, b, err := request("GET", r.eureka("/eureka")+"/apps/"+c.app+"/"+c.id, "")
	if err != nil || status != http.StatusOK {
		return fmt.Sprintf("%s is not back: %d, %v", c.id, status, err)
	}
	var answer struct {
		Instance struct {
			LeaseInfo struct{ RegistrationTimestamp int64 }
		}
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return err.Error()
	}
	if at := answer.Instance.LeaseInfo.RegistrationTimestamp; at < then.UnixMilli() {
		return fmt.Sprintf("%s was registered %d ms before it was deleted", c.id, then.UnixMilli()-at)
	}
	return ""
}

// killEveryHome kills, without a word, the node that holds a client's lease, until this has happened to every client.
// Nobody is missing anywhere meanwhile, and each is renewed by itself at a node that is left.
func (s *scene) killEveryHome(nodes []*node) {
	hit := map[*client]bool{}
	for {
		home := s.nextVictim(nodes, hit)
		if home == nil {
			return
		}
		s.leave(home)
		killed := time.Now()
		home.proc.kill()
		s.members("fails over when "+home.id+" is killed", func(t *testing.T, c *client) {
			s.stays(t, c, c.leased()+3*time.Second, hasStatus("UP"))
			eventually(t, c.leased(), func() string { return renewedSince(c, nodes, home, killed) })
		})
		s.each("reads on without "+home.id, func(t *testing.T, c *client) { c.sees(t, s.next(c).app, 1) })
		home.start(nodes)
		home.ready()
		s.back(home)
	}
}

// renewedSince says what is wrong with who holds the client's lease and when that was renewed, now that a node is dead.
func renewedSince(c *client, nodes []*node, dead *node, then time.Time) string {
	for _, n := range nodes {
		if n == dead {
			continue
		}
		all, err := n.find(c.app)
		if err != nil || all[c.id].Home != "dc1/"+n.id {
			continue // It has another home, or will have.
		}
		var it found
		if err := get(n.http+"/api/v1/services/"+c.name+"/instances/"+url.PathEscape(c.id), &it); err != nil {
			return err.Error()
		}
		if it.LastRenewal.Before(then) {
			return fmt.Sprintf("%s was renewed at %s last %v before the kill", c.id, n.id, then.Sub(it.LastRenewal))
		}
		return ""
	}
	return c.id + " has the dead node for its home"
}

// nextVictim is the home of the first client whose home has not been killed yet, and counts all clients that live there.
func (s *scene) nextVictim(nodes []*node, hit map[*client]bool) *node {
	homes := map[*client]string{}
	s.members("has a home", func(t *testing.T, c *client) {
		all, err := s.registries[0].find(c.app)
		if err != nil || all[c.id].Home == "" {
			t.Fatalf("%v, %v", all, err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		homes[c] = all[c.id].Home
	})
	for _, c := range s.clients {
		if c.reads || hit[c] {
			continue
		}
		for o, home := range homes {
			hit[o] = hit[o] || home == homes[c]
		}
		for _, n := range nodes {
			if homes[c] == "dc1/"+n.id {
				return n
			}
		}
	}
	return nil
}

// restartEveryNode restarts one node after the other, in order, as an upgrade would; they keep nothing on disk.
func (s *scene) restartEveryNode(nodes []*node) {
	for _, n := range nodes {
		s.leave(n)
		n.proc.terminate()
		s.members("lives on while "+n.id+" is away", func(t *testing.T, c *client) { s.stays(t, c, time.Second, hasStatus("UP")) })
		n.start(nodes)
		n.ready()
		s.back(n)
		s.members("is known by "+n.id+" when that is ready", func(t *testing.T, c *client) {
			if what := s.everywhere(c, hasStatus("UP")); what != "" {
				t.Fatal(what)
			}
		})
	}
	s.members("lives on after all nodes have been restarted", func(t *testing.T, c *client) {
		s.stays(t, c, c.leased()+time.Second, hasStatus("UP"))
	})
	s.each("finds another after that", func(t *testing.T, c *client) { c.sees(t, s.next(c).app, 1) })
}
