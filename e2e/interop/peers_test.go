package interop

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/musterhq/muster/e2e/need"
)

// pair is a Eureka server and two nodes of Muster, each the other's peer.
type pair struct {
	eureka *eurekaServer
	nodes  []*node
	muster []registry // the nodes
	all    []registry
}

func startPair(t *testing.T) *pair {
	t.Helper()
	need.All(t, javaLacks("server")()...)
	port := freePort(t)
	flag := []string{"--eureka-peer", "http://127.0.0.1:" + port + "/eureka"}
	p := &pair{}
	for _, id := range []string{"n1", "n2"} {
		n := startNode(t, id, p.nodes, flag...)
		p.nodes, p.muster = append(p.nodes, n), append(p.muster, n)
	}
	p.eureka = startEureka(t, port, p.muster...)
	p.all = append(slices.Clone(p.muster), p.eureka)
	return p
}

// kindOf is the client of that name.
func kindOf(name string) kind {
	return kinds[slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })]
}

// What registers at a Eureka server is at every node of Muster while it is renewed there, with its status, and is gone
// from both when it ends or falls silent; and the other way round.
func TestAEurekaServerAndMusterAreEachOthersPeers(t *testing.T) {
	p := startPair(t)
	for _, way := range []struct {
		name string
		at   []registry
		ways int
	}{
		{"from Eureka to Muster", []registry{p.eureka}, 0},
		{"from the first node to Eureka", p.muster[:1], 1},
		{"from the second node to Eureka", p.muster[1:], 2},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			s := &scene{t: t, registries: p.all}
			c := launch(t, kindOf("fargo"), fmt.Sprintf("lives-%d", way.ways), way.at...)
			silent := launch(t, kindOf("fargo"), fmt.Sprintf("dies-%d", way.ways), way.at...)
			c.started(t)
			silent.started(t)
			s.is(t, c, hasStatus("UP"))
			s.is(t, silent, hasStatus("UP"))
			s.stays(t, c, 2*lease, hasStatus("UP"))
			c.must(t, "status OUT_OF_SERVICE", "STATUS")
			s.is(t, c, hasStatus("OUT_OF_SERVICE"))
			s.stays(t, c, lease, hasStatus("OUT_OF_SERVICE"))
			c.must(t, "status UP", "STATUS")
			s.is(t, c, hasStatus("UP"))
			silent.proc.kill()
			s.stays(t, c, lease, hasStatus("UP"))
			// A Eureka server waits twice the lease, and may have heard of it last from its peer.
			eventually(t, 20*time.Second, func() string { return s.everywhere(silent, absent) })
			c.stop(t)
			eventually(t, 5*time.Second, func() string { return s.everywhere(c, absent) })
			s.stays(t, c, 3*time.Second, absent)
			s.stays(t, silent, time.Second, absent)
		})
	}
}

// A migration: Muster is a Eureka server's peer; clients are moved, one after the other, by a restart with other
// addresses; then the Eureka server is taken away. Nobody is ever missing but the one that is just being restarted.
func TestClientsMoveFromEurekaToMusterAndNothingIsLost(t *testing.T) {
	p := startPair(t)
	s := &scene{t: t, registries: p.all}
	for _, name := range []string{"js", "fargo", "python"} {
		k := kindOf(name)
		need.All(t, k.lacking()...)
		c := launch(t, k, name+"-1", p.eureka)
		s.clients = append(s.clients, c)
	}
	for _, c := range s.clients {
		c.started(t)
	}
	s.members("is known to Muster", func(t *testing.T, c *client) { s.is(t, c, hasStatus("UP")) })
	for i, c := range slices.Clone(s.clients) {
		s.move(i, c, p.muster)
	}
	s.each("finds another, wherever that registered", func(t *testing.T, c *client) { c.sees(t, s.next(c).app, 1) })
	s.members("stays where it was, and where it is", func(t *testing.T, c *client) { s.stays(t, c, 2*lease, hasStatus("UP")) })
	s.leave(p.eureka)
	p.eureka.proc.terminate()
	s.members("stays when Eureka is gone", func(t *testing.T, c *client) { s.stays(t, c, 2*lease, hasStatus("UP")) })
	s.each("finds another when Eureka is gone", func(t *testing.T, c *client) { c.sees(t, s.next(c).app, 1) })
	s.members("ends in order", func(t *testing.T, c *client) {
		c.stop(t)
		eventually(t, time.Second, func() string { return s.everywhere(c, absent) })
	})
}

// move ends a client and starts it again, with other registries. All others stay where they are.
func (s *scene) move(i int, c *client, to []registry) {
	s.t.Helper()
	s.t.Run(c.name+" moves", func(t *testing.T) {
		c.stop(t)
		s.clients[i] = launch(s.t, c.kind, c.id, to...)
		for {
			line, started := s.clients[i].proc.says(50*time.Millisecond, "@ ")
			for _, o := range s.clients {
				if what := s.everywhere(o, hasStatus("UP")); o.id != c.id && what != "" {
					t.Fatal(what)
				}
			}
			if started {
				if line != "@ STARTED" {
					t.Fatalf("%s did not start again: %s", c.id, line)
				}
				break
			}
		}
		s.is(t, s.clients[i], hasStatus("UP"))
	})
}
