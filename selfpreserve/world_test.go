package selfpreserve

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// world is a Keeper with clients that renew, in virtual time. Clients whose lease was evicted do not register again.
type world struct {
	t       failer
	k       *Keeper[string]
	now     Instant
	clients map[string]*client
	actions []Action[string]
	evicted map[string]Instant
	kept    map[string]bool // told to preserve and not heard of since
	answers map[string]Outcome
	asked   []Action[string]
}

// failer is a test: one of package testing, or of rapid.
type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

type client struct {
	key    string
	every  time.Duration
	next   Instant
	silent bool
}

func testConfig(seed uint64) Config[string] {
	c := DefaultConfig[string]()
	c.Compare = cmp.Compare[string]
	c.Rand = rand.New(rand.NewPCG(seed, 0))
	return c
}

func newWorld(t failer, c Config[string]) *world {
	t.Helper()
	k, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, k: k, clients: map[string]*client{}, evicted: map[string]Instant{}, kept: map[string]bool{}, answers: map[string]Outcome{}}
}

// grant registers n clients prefix/000 and up that renew at the given interval, 0 for never, evenly out of phase.
func (w *world) grant(prefix string, n int, l Lease, every time.Duration) {
	w.t.Helper()
	if l.Service == "" {
		l.Service = prefix
	}
	for i := range n {
		key := fmt.Sprintf("%s/%03d", prefix, i)
		if err := w.k.Grant(w.now, key, l); err != nil {
			w.t.Fatal(err)
		}
		c := &client{key: key, every: every, silent: every == 0}
		c.next = w.now + every*time.Duration(i+1)/time.Duration(n)
		w.clients[key] = c
		delete(w.evicted, key)
		delete(w.kept, key)
	}
}

// each calls f for the first n clients of a prefix, all of them if n is negative, in order.
func (w *world) each(prefix string, n int, f func(*client)) {
	for _, c := range w.sorted() {
		if n != 0 && strings.HasPrefix(c.key, prefix+"/") {
			f(c)
			n--
		}
	}
}

func (w *world) sorted() []*client {
	s := make([]*client, 0, len(w.clients))
	for _, c := range w.clients {
		s = append(s, c)
	}
	slices.SortFunc(s, func(a, b *client) int { return cmp.Compare(a.key, b.key) })
	return s
}

func (w *world) silence(prefix string, n int) { w.each(prefix, n, func(c *client) { c.silent = true }) }

// revive lets clients renew again, out of phase as before.
func (w *world) revive(prefix string, n int) {
	w.each(prefix, n, func(c *client) {
		c.silent = false
		for c.next <= w.now {
			c.next += c.every
		}
	})
}

func (w *world) drop(prefix string, n int) {
	w.each(prefix, n, func(c *client) {
		w.k.Drop(w.now, c.key)
		delete(w.clients, c.key)
		delete(w.kept, c.key)
	})
}

// advance lets d pass with a Step a tick.
func (w *world) advance(d, tick time.Duration) {
	w.t.Helper()
	for end := w.now + d; w.now < end; {
		w.renewUntil(min(w.now+tick, end))
		w.now = min(w.now+tick, end)
		w.step()
	}
}

func (w *world) renewUntil(t Instant) {
	var due []*client
	for _, c := range w.sorted() {
		if !c.silent && c.next <= t {
			due = append(due, c)
		}
	}
	slices.SortStableFunc(due, func(a, b *client) int { return cmp.Compare(a.next, b.next) })
	for _, c := range due {
		for ; c.next <= t; c.next += c.every {
			r := w.k.Renew(c.next, c.key)
			if r.Known != (w.evicted[c.key] == 0) {
				w.t.Fatalf("%v: renewal of %s reported known=%v", c.next, c.key, r.Known)
			}
			if r.Preserved != w.kept[c.key] {
				w.t.Fatalf("%v: renewal of %s reported preserved=%v", c.next, c.key, r.Preserved)
			}
			delete(w.kept, c.key)
		}
	}
}

func (w *world) step() {
	w.t.Helper()
	for again := true; again; {
		again = false
		for _, a := range w.k.Step(w.now) {
			if a.At > w.now || a.Reason == "" || (a.Verb == Probe) != (a.Token > 0) {
				w.t.Fatalf("%v: malformed action %+v", w.now, a)
			}
			switch a.Verb {
			case Probe:
				w.asked = append(w.asked, a)
				if o, ok := w.answers[a.Key]; ok {
					w.k.Evidence(w.now, a.Key, a.Token, o)
					again = true
				}
				continue
			case Evict:
				w.evicted[a.Key] = a.At
				delete(w.kept, a.Key)
			case Preserve:
				w.kept[a.Key] = true
			}
			w.actions = append(w.actions, a)
		}
	}
	if next, ok := w.k.Next(); ok && next <= w.now {
		w.t.Fatalf("%v: something is still due at %v after a Step", w.now, next)
	}
}

func (w *world) scope(name string) Scope {
	w.t.Helper()
	for _, s := range w.k.Scopes() {
		if s.Name == name {
			return s
		}
	}
	w.t.Fatalf("no scope %q", name)
	return Scope{}
}

func (w *world) wantState(name string, want State) {
	w.t.Helper()
	if s := w.scope(name); s.State != want {
		w.t.Fatalf("%v: %s is %v (%s), want %v", w.now, name, s.State, s.Reason, want)
	}
}

func (w *world) wantEvicted(n int) {
	w.t.Helper()
	if len(w.evicted) != n {
		w.t.Fatalf("%v: %d evicted, want %d: %v", w.now, len(w.evicted), n, w.evicted)
	}
}
