package interop

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/e2e/need"
)

// consulApps are applications with clients of Consul in Java and JavaScript, as their users write them. Each knows one
// address, which is that of a balancer.
var consulApps = []kind{
	{
		name: "spring-http", title: "Spring Cloud `spring-cloud-starter-consul-discovery`", language: "Java, Spring Boot 3.5.7",
		version: "2025.0.0", pin: [2]string{"java/pom.xml", "<cloud.version>2025.0.0<"},
		lacking: javaLacks("consul"), argv: javaProgram("consul"),
	},
	{
		name: "spring-ttl", title: "the same in heartbeat mode", language: "Java, Spring Boot 3.5.7",
		version: "2025.0.0", pin: [2]string{"java/pom.xml", "<cloud.version>2025.0.0<"},
		lacking: javaLacks("consul"), argv: javaProgram("consul"),
	},
	{
		name: "npm", title: "`consul`", language: "JavaScript",
		version: "2.0.1", pin: [2]string{"js/package.json", `"consul": "2.0.1"`},
		lacking: lacks("node", "js/node_modules/consul"), argv: program("node", "js/consul.js"), port: nextPort,
	},
}

func TestTheConsulAppsAreOfTheVersionsThatAreNamed(t *testing.T) {
	for _, k := range consulApps {
		isPinned(t, k.name, k.version, k.pin)
	}
}

// launchConsulApp starts an application that knows the registry at one address.
func launchConsulApp(t *testing.T, k kind, at *front) *client {
	t.Helper()
	c := &client{kind: k, app: k.name, id: k.name + "-1"}
	if k.port != nil {
		c.number = k.port()
	}
	host, port := at.address()
	c.proc = start(t, c.id, []string{
		"CONSUL_HOST=" + host, "CONSUL_PORT=" + port, "APP=" + c.app, "INSTANCE=" + c.id, "PORT=" + strconv.Itoa(c.number),
		"TTL=" + strconv.FormatBool(k.name == "spring-ttl"),
		fmt.Sprintf("RENEW=%d", renew/time.Second), fmt.Sprintf("LEASE=%d", lease/time.Second),
	}, k.argv(t)...)
	return c
}

// newConsulScene starts the applications behind a front of the nodes.
func newConsulScene(t *testing.T, at *front) *scene {
	t.Helper()
	s := &scene{t: t}
	for _, n := range at.nodes {
		s.registries = append(s.registries, n)
	}
	t.Run("has the tools", func(t *testing.T) {
		for _, k := range consulApps {
			if *only != "" && !slices.Contains(strings.Split(*only, ","), k.name) {
				continue
			}
			t.Run(k.name, func(t *testing.T) {
				need.All(t, k.lacking()...)
				s.clients = append(s.clients, launchConsulApp(s.t, k, at))
			})
		}
	})
	s.each("starts", func(t *testing.T, c *client) { c.started(t) })
	return s
}

// Unmodified applications with Spring Cloud's client of Consul, once with a check that is run and once with one that they
// report, and with that of npm, register, find each other, are told of changes by their watches, fail their checks, are put
// in maintenance, and deregister: all of it again after the node that they speak to, and are homed at, has been killed.
func TestAppsOfConsulLiveWithMusterAndThroughTheDeathOfTheirNode(t *testing.T) {
	if *theirs {
		t.Skip("-eureka is given: these are clients of Consul")
	}
	t.Parallel()
	var nodes []*node
	for i := range 3 {
		nodes = append(nodes, startNode(t, fmt.Sprintf("c%d", i+1), nodes))
	}
	at := startFront(t, nodes...)
	s := newConsulScene(t, at)
	if len(s.clients) == 0 {
		return
	}

	s.each("registers and is found by the native API of every node", func(t *testing.T, c *client) {
		s.is(t, c, hasStatus("UP"))
		s.is(t, c, func(i *found) string {
			switch {
			case i == nil:
				return "is missing"
			case i.Address != "127.0.0.1" || i.Port == 0 || c.number != 0 && i.Port != c.number:
				return fmt.Sprintf("is at %s:%d", i.Address, i.Port)
			case i.Metadata["client"] != c.app:
				return fmt.Sprintf("has metadata %v", i.Metadata)
			case i.Home != "dc1/c1":
				return "is at home at " + i.Home
			}
			return ""
		})
	})
	s.each("reads where another is", s.readsAnother)
	s.each("waits at a key that does not exist", func(t *testing.T, c *client) {
		if c.name == "npm" {
			c.waitsAtKey(t, 0)
		}
	})
	s.watches(nodes[2], "early")
	s.consulLife()

	s.leave(nodes[0])
	nodes[0].proc.kill()
	s.each("stays when its node is killed", func(t *testing.T, c *client) {
		another := s.next(c).app
		always(t, lease+3*time.Second, func() string { // Longer than what is not reported any more is believed.
			// A question may fail with its connection. An answer never lacks the other.
			if got, err := c.ask("sees "+another, "SEES"); err == nil && got != "1" {
				return fmt.Sprintf("%s finds %s instances of %s", c.id, got, another)
			}
			return s.everywhere(c, hasStatus("UP"))
		})
	})
	if at.carried(nodes[1]) == 0 {
		t.Errorf("nobody speaks to %s", nodes[1].id)
	}
	s.watches(nodes[2], "late")
	s.each("waits at a key after that", func(t *testing.T, c *client) {
		if c.name == "npm" {
			c.waitsAtKey(t, 4)
		}
	})
	s.consulLife()
	s.each("ends in order, and is gone from every node at once", func(t *testing.T, c *client) {
		c.stop(t)
		eventually(t, time.Second, func() string { return s.everywhere(c, absent) })
		s.stays(t, c, 2*time.Second, absent)
	})
}

// consulLife is what an application may do at any time.
func (s *scene) consulLife() {
	s.each("finds another", func(t *testing.T, c *client) { c.sees(t, s.next(c).app, 1) })
	for _, how := range []struct{ command, out, back, status string }{
		{"health", "DOWN", "UP", "DOWN"}, // Its own check says so, wherever that is run.
		{"status", "OUT_OF_SERVICE", "UP", "OUT_OF_SERVICE"},
	} {
		s.each("changes its "+how.command, func(t *testing.T, c *client) {
			c.must(t, how.command+" "+how.out, strings.ToUpper(how.command)+" "+how.out)
			s.is(t, c, hasStatus(how.status))
			s.stays(t, c, 2*renew, hasStatus(how.status)) // Checks that pass do not undo maintenance.
		})
		s.each("finds nobody that is up", func(t *testing.T, c *client) { c.sees(t, s.next(c).app, 0) })
		s.each("changes its "+how.command+" back", func(t *testing.T, c *client) {
			c.must(t, how.command+" "+how.back, strings.ToUpper(how.command)+" "+how.back)
			s.is(t, c, hasStatus("UP"))
		})
		s.each("finds another again", func(t *testing.T, c *client) { c.sees(t, s.next(c).app, 1) })
	}
}

// watches has a service come and go at a node that no application speaks to. Their watches tell them.
func (s *scene) watches(n *node, service string) {
	s.t.Helper()
	says := func(want bool) func(t *testing.T, c *client) {
		return func(t *testing.T, c *client) {
			t.Helper()
			eventually(t, 6*time.Second, func() string { // A catalog watch of Spring sleeps a second, and answers after two.
				if got := c.must(t, "watched "+service, "WATCHED"); got != strconv.FormatBool(want) {
					return fmt.Sprintf("%s is told of %s: %s, want %v", c.id, service, got, want)
				}
				return ""
			})
		}
	}
	s.each("watches "+service, says(false))
	status, b, err := request("POST", n.http+"/api/v1/services/instances",
		`{"service":"`+service+`","id":"one","address":"127.0.0.1","port":9,"ttl":"10m"}`)
	if err != nil || status != 201 {
		s.t.Fatalf("%d, %v: %s", status, err, b)
	}
	s.each("is told that "+service+" has come", says(true))
	if status, b, err := request("DELETE", n.http+"/api/v1/services/"+service+"/instances/one", ""); err != nil || status/100 != 2 {
		s.t.Fatalf("%d, %v: %s", status, err, b)
	}
	s.each("is told that "+service+" has gone", says(false))
}

// readsAnother compares what a client reads of another with what is registered.
func (s *scene) readsAnother(t *testing.T, c *client) {
	o := s.next(c)
	all, err := s.registries[0].find(o.app)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%s http://%s:%d %s", o.id, all[o.id].Address, all[o.id].Port, o.app)
	if got := c.must(t, "where "+o.app, "WHERE"); got != want {
		t.Errorf("%s is found at %q, want %q", o.id, got, want)
	}
}

// waitsAtKey holds a watch of a key that does not exist to asking every two seconds and no oftener, and to being told
// once, and once more by each node that it moves to. errorsMax are those that are forgiven: connections that end.
func (c *client) waitsAtKey(t *testing.T, errorsMax int) {
	t.Helper()
	type count struct{ Asked, Changes, Errors int }
	read := func() (k count) {
		if err := json.Unmarshal([]byte(c.must(t, "key", "KEY")), &k); err != nil {
			t.Fatal(err)
		}
		return k
	}
	first := read()
	begin, want := time.Now(), max(first.Asked+2, 3) // The first question of all has no index, and does not wait.
	eventually(t, 10*time.Second, func() string {
		if k := read(); k.Asked < want || k.Changes == 0 {
			return fmt.Sprintf("asked %+v, first %+v", k, first)
		}
		return ""
	})
	took, last := time.Since(begin), read()
	if took < 2*time.Second || last.Changes > 1+errorsMax || last.Errors > errorsMax {
		t.Errorf("%+v after %v", last, took)
	}
}
