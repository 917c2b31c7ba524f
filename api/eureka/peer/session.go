package peer

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/eureka"
)

// session is what one server has been told, and is to be told.
type session struct {
	node   Node
	url    string
	log    *slog.Logger
	client client
	pulled bool

	mu    sync.Mutex // guards what follows
	known map[muster.Key]*told
}

// told is what a server knows of one instance.
type told struct {
	inst *muster.Instance // as it is here, nil if it is gone from here
	// register, override and cancel say what is to be sent; reset that a cancellation has to go before the registration.
	register, override, cancel, reset bool

	sent muster.Status // the override that the server was told
	beat time.Time     // when the next heartbeat is due
}

func newSession(node Node, url string, log *slog.Logger, transport http.RoundTripper) *session {
	return &session{node: node, url: url, log: log, client: newClient(url, transport)}
}

// run speaks to the server whenever it is this node that has to.
func (s *session) run(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if speaks(s.node, s.url) {
			s.speak(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// speak tells the server everything, and then what changes, until another node has to or ctx ends.
func (s *session) speak(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.log.Info("replicating to a Eureka server")
	defer s.log.Info("no longer replicating to a Eureka server")
	s.mu.Lock()
	s.known = make(map[muster.Key]*told)
	s.mu.Unlock()
	var watch sync.WaitGroup
	watch.Go(func() { s.watch(ctx) })
	defer watch.Wait()
	defer cancel()

	var wait backoff
	for speaks(s.node, s.url) {
		pause := tick
		if err := s.round(ctx); err != nil && ctx.Err() == nil {
			pause = wait.failed()
			if wait.count == 1 { // Once for each outage.
				s.log.Warn("the Eureka server does not answer; trying on", "err", err)
			}
		} else if wait.count > 0 {
			s.log.Info("the Eureka server answers again", "failures", wait.count)
			wait = backoff{}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// backoff is how long to wait after failures.
type backoff struct{ count int }

const (
	backoffFirst = 500 * time.Millisecond
	backoffMost  = 30 * time.Second
)

// failed is the wait after one more failure: between half and all of a span that doubles, so that many nodes do not come
// back together.
func (b *backoff) failed() time.Duration {
	b.count++
	span := min(backoffFirst<<min(b.count-1, 10), backoffMost)
	return span/2 + rand.N(span/2) //nolint:gosec // For spreading load.
}

// watch notes what changes here.
func (s *session) watch(ctx context.Context) {
	for ev := range s.node.WatchFrom(ctx, muster.DefaultNamespace, "", 0) {
		s.mu.Lock()
		switch ev.Type {
		case muster.EventSnapshot:
			there := make(map[muster.Key]bool, len(ev.Instances))
			for _, inst := range ev.Instances {
				there[inst.Key()] = true
				s.note(inst)
			}
			for key := range s.known {
				if !there[key] {
					s.gone(key)
				}
			}
		case muster.EventDown:
			s.gone(ev.Instance.Key())
		default:
			s.note(ev.Instance)
		}
		s.mu.Unlock()
	}
}

// note notes an instance as it is now. Needs the lock.
func (s *session) note(inst *muster.Instance) {
	key := inst.Key()
	if inst.Datacenter != s.node.Datacenter() || eureka.FromPeer(inst) {
		delete(s.known, key) // The server has it, or hears of it elsewhere.
		return
	}
	t := s.known[key]
	if t == nil {
		t = &told{}
		s.known[key] = t
	}
	if t.inst == inst {
		return
	}
	t.inst, t.register, t.cancel = inst, true, false
	t.override = inst.Override != t.sent
}

// gone notes that an instance is gone. Needs the lock.
func (s *session) gone(key muster.Key) {
	if t := s.known[key]; t != nil {
		t.register, t.override, t.cancel = false, false, true
	}
}

// round sends what is due: the server's own registry is read first, once.
func (s *session) round(ctx context.Context) error {
	if !s.pulled {
		if err := s.pull(ctx); err != nil {
			return err
		}
		s.pulled = true
	}
	for items := range slices.Chunk(s.due(time.Now()), batchMax) {
		results, err := s.client.send(ctx, items)
		if err != nil {
			return err
		}
		for n, result := range results {
			s.settle(ctx, &items[n], result)
		}
	}
	return nil
}

// due is what is to be sent now, in the order of the instances.
func (s *session) due(now time.Time) (items []item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range slices.SortedFunc(maps.Keys(s.known), muster.Key.Compare) {
		t := s.known[key]
		switch {
		case t.cancel:
			items = append(items, item{action: actionCancel, key: key, inst: t.inst})
			continue
		case t.register:
			if t.reset {
				items = append(items, item{action: actionCancel, key: key, inst: t.inst})
			}
			items = append(items, item{action: actionRegister, key: key, inst: t.inst})
		case !now.Before(t.beat):
			items = append(items, item{action: actionHeartbeat, key: key, inst: t.inst})
		}
		if t.override {
			action := actionStatus
			if t.inst.Override == muster.StatusNone {
				action = actionClear
			}
			items = append(items, item{action: action, key: key, inst: t.inst})
		}
	}
	return items
}

// settle takes the server's answer to one item. What has changed meanwhile is sent again.
func (s *session) settle(ctx context.Context, it *item, r result) {
	s.mu.Lock()
	t := s.known[it.key]
	if t == nil || t.inst != it.inst {
		s.mu.Unlock()
		return
	}
	ok, newer := r.StatusCode/100 == 2, false
	switch it.action {
	case actionCancel:
		t.reset = false
		if t.cancel { // An unknown instance is as good as a cancelled one.
			delete(s.known, it.key)
		}
	case actionRegister:
		t.register = !ok
		t.beat = time.Now().Add(eureka.RenewalInterval(it.inst))
	case actionHeartbeat:
		t.beat = time.Now().Add(eureka.RenewalInterval(it.inst))
		t.register = r.StatusCode == http.StatusNotFound
		if r.StatusCode == http.StatusConflict {
			// Where the client's clock says it, the server is right. Where it was our clocks, it has what we said before.
			newer = eureka.HasClientTime(it.inst)
			t.register, t.reset = !newer, !newer
		}
		if r.StatusCode == http.StatusNotFound { // It has forgotten the override too.
			t.sent = muster.StatusNone
			t.override = it.inst.Override != muster.StatusNone
		}
	default:
		if ok {
			t.sent, t.override = it.inst.Override, false
		} else if r.StatusCode == http.StatusNotFound {
			t.register = true
		}
	}
	s.mu.Unlock()
	if newer && len(r.Entity) > 0 {
		if err := s.adopt(ctx, r.Entity); err != nil {
			s.log.Warn("a newer instance of the Eureka server cannot be taken", "service", it.key.Service, "instance", it.key.ID, "err", err)
		}
	}
}
