package interop

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/e2e/need"
)

var (
	only   = flag.String("clients", "", "names of the clients to test, separated by commas; all if empty")
	theirs = flag.Bool("eureka", false, "have the clients meet a real Eureka server instead: what fails there too is the test's fault")
)

// scene is registries and, at work with them, one client of every kind.
type scene struct {
	t          *testing.T
	registries []registry
	clients    []*client // those that have done all that was asked of them so far
	mu         sync.Mutex
	down       []registry // those that are not to be asked now
}

// newScene registers an instance that has every field, and starts the clients. A client that this machine lacks the tools for is left out, by a subtest that says so.
func newScene(t *testing.T, registries ...registry) *scene {
	t.Helper()
	s := &scene{t: t, registries: registries}
	registerRich(t, registries[0], "RICH")
	var fit []kind
	t.Run("has the tools", func(t *testing.T) {
		for _, k := range kinds {
			if *only != "" && !slices.Contains(strings.Split(*only, ","), k.name) {
				continue
			}
			t.Run(k.name, func(t *testing.T) {
				need.All(t, k.lacking()...)
				fit = append(fit, k)
			})
		}
	})
	for n, k := range fit {
		// Not all of them have the same one first.
		from := n % len(registries)
		s.clients = append(s.clients, launch(t, k, k.name+"-1", slices.Concat(registries[from:], registries[:from])...))
	}
	s.each("starts", func(t *testing.T, c *client) { c.started(t) })
	return s
}

// each is one act: all clients do their part at the same time, each in a subtest. One that fails plays no more.
func (s *scene) each(act string, do func(t *testing.T, c *client)) {
	s.t.Helper()
	failed := map[*client]bool{}
	s.t.Run(act, func(t *testing.T) {
		for _, c := range s.clients {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				defer func() {
					if t.Failed() {
						s.mu.Lock()
						defer s.mu.Unlock()
						failed[c] = true
					}
				}()
				do(t, c)
			})
		}
	})
	s.clients = slices.DeleteFunc(s.clients, func(c *client) bool { return failed[c] })
}

// members is each for the clients that register.
func (s *scene) members(act string, do func(t *testing.T, c *client)) {
	s.t.Helper()
	s.each(act, func(t *testing.T, c *client) {
		t.Helper()
		if !c.reads {
			do(t, c)
		}
	})
}

// leave has a registry not be asked until it is back.
func (s *scene) leave(r registry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = append(s.down, r)
}

func (s *scene) back(r registry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = slices.DeleteFunc(s.down, func(d registry) bool { return d == r })
}

func (s *scene) isDown(r registry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.down, r)
}

// everywhere asks all registries for the instance, and says what is wrong with it at the first one where anything is.
// The condition is given nil where there is no such instance.
func (s *scene) everywhere(c *client, wrong func(i *found) string) string {
	for _, r := range s.registries {
		if s.isDown(r) {
			continue
		}
		all, err := r.find(c.app)
		if s.isDown(r) {
			continue // It went down while it was asked.
		}
		if err != nil {
			return fmt.Sprintf("%s: %v", r.name(), err)
		}
		var it *found
		if i, ok := all[c.id]; ok {
			it = &i
		}
		if what := wrong(it); what != "" {
			return fmt.Sprintf("%s: %s %s", r.name(), c.id, what)
		}
	}
	return ""
}

func present(i *found) string {
	if i == nil {
		return "is missing"
	}
	return ""
}

func absent(i *found) string {
	if i != nil {
		return "is still there"
	}
	return ""
}

func hasStatus(want string) func(i *found) string {
	return func(i *found) string {
		switch {
		case i == nil:
			return "is missing"
		case i.Status != want:
			return "is " + i.Status + ", want " + want
		}
		return ""
	}
}

// is waits until the instance is as it should be at every registry.
func (s *scene) is(t *testing.T, c *client, wrong func(i *found) string) {
	t.Helper()
	eventually(t, 15*time.Second, func() string { return s.everywhere(c, wrong) })
}

// stays holds it to that for a while.
func (s *scene) stays(t *testing.T, c *client, d time.Duration, wrong func(i *found) string) {
	t.Helper()
	always(t, d, func() string { return s.everywhere(c, wrong) })
}

// next is the client after c, around: whom c looks for.
func (s *scene) next(c *client) *client {
	others := slices.DeleteFunc(slices.Clone(s.clients), func(o *client) bool { return o.reads })
	if len(others) == 0 {
		s.t.Fatal("no client is left")
	}
	i := slices.Index(others, c) // -1 for one that only reads, which looks for the first.
	return others[(i+1)%len(others)]
}
