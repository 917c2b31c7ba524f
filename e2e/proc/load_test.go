package proc

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// load is clients that go on throughout a test: they register, renew, ask the next node when theirs does not answer, and
// deregister to make place for another. Watchers ask every node that a side reaches all the time, and hold it to the
// ledger.
type load struct {
	*ledger
	interval time.Duration // between two renewals
	stop     context.CancelFunc
	done     context.Context //nolint:containedctx // The life of the clients.
	wg       sync.WaitGroup

	reach sync.Mutex
	sides map[string][]*host // the nodes that the clients of each side know and reach
}

const loadService = "load"

// startLoad starts so many clients on each client host. Each host is a side of its own, by its name, and reaches nodes.
func startLoad(t *testing.T, clients int, from, nodes []*host) *load {
	t.Helper()
	l := &load{ledger: newLedger(t, 6*time.Second, time.Second), interval: 1500 * time.Millisecond, sides: map[string][]*host{}}
	l.done, l.stop = context.WithCancel(context.Background())
	t.Cleanup(l.end)
	for _, h := range from {
		l.sides[h.name] = nodes
	}
	for _, h := range from {
		for i := range clients {
			l.wg.Go(func() { l.client(h, i) })
		}
		l.wg.Go(func() { l.watch(h) })
	}
	return l
}

// end ends the clients, without a word to the registry.
func (l *load) end() {
	l.stop()
	l.wg.Wait()
}

// reaches says which nodes the clients of a host reach from now on: ahead of a cut, and after it once all agree again.
func (l *load) reaches(from *host, nodes []*host) {
	l.reach.Lock()
	defer l.reach.Unlock()
	l.sides[from.name] = nodes
}

func (l *load) nodes(from *host) []*host {
	l.reach.Lock()
	defer l.reach.Unlock()
	return l.sides[from.name]
}

// pause waits, and reports whether the clients go on.
func (l *load) pause(d time.Duration) bool {
	select {
	case <-l.done.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// client is one client for ever: the life of one instance after that of another.
func (l *load) client(h *host, number int) {
	node := number // which of the nodes it asks first
	for life := 0; l.done.Err() == nil; life++ {
		id := fmt.Sprintf("%s-%d-%d", h.name, number, life)
		if !l.register(h, &node, id) {
			return
		}
		for range 3 + rand.IntN(12) {
			if !l.pause(l.interval*3/4 + rand.N(l.interval/2)) {
				return
			}
			if l.done.Err() == nil && !l.renew(h, &node, id) {
				return
			}
		}
		if !l.deregister(h, &node, id) {
			return
		}
		node = rand.IntN(100)
	}
}

func (l *load) register(h *host, node *int, id string) bool {
	body := fmt.Sprintf(`{"service":%q,"id":%q,"address":%q,"port":9,"ttl":%q}`, loadService, id, h.ip, l.ttl)
	for {
		sent := time.Now()
		status, at := l.ask(h, node, http.MethodPost, "/api/v1/services/instances", body)
		switch status {
		case http.StatusCreated, http.StatusOK:
			l.registered(id, h.name, sent)
			return true
		case 0:
		default:
			l.report("registration of %s at %s: %d", id, at, status)
			return false
		}
		if !l.pause(100 * time.Millisecond) {
			return false
		}
	}
}

func (l *load) renew(h *host, node *int, id string) bool {
	sent := time.Now()
	status, at := l.ask(h, node, http.MethodPut, "/api/v1/services/"+loadService+"/instances/"+id+"/heartbeat", "")
	switch status {
	case http.StatusNoContent:
		l.renewed(id, sent)
	case http.StatusNotFound:
		l.unknown(id, at)
		return l.register(h, node, id)
	case 0:
	default:
		l.report("heartbeat of %s at %s: %d", id, at, status)
	}
	return true
}

func (l *load) deregister(h *host, node *int, id string) bool {
	l.leaving(id)
	for {
		status, at := l.ask(h, node, http.MethodDelete, "/api/v1/services/"+loadService+"/instances/"+id, "")
		switch status {
		case http.StatusNoContent:
			l.deregistered(id)
			return true
		case http.StatusNotFound:
			return true // An earlier try was taken, though not acknowledged. The ledger claims nothing.
		case 0:
		default:
			l.report("deregistration of %s at %s: %d", id, at, status)
			return false
		}
		if !l.pause(100 * time.Millisecond) {
			return false
		}
	}
}

// ask asks one node after the other until one answers other than that it cannot. 0: none did, or the clients have ended.
func (l *load) ask(h *host, node *int, method, path, body string) (status int, at string) {
	nodes := l.nodes(h)
	for range nodes {
		n := nodes[*node%len(nodes)]
		if status := l.request(h, method, n.url()+path, body); status != 0 && status < 500 {
			return status, n.name
		}
		if l.done.Err() != nil {
			return 0, ""
		}
		*node++
	}
	return 0, ""
}

func (l *load) request(h *host, method, url, body string) (status int) {
	req, err := http.NewRequestWithContext(l.done, method, url, strings.NewReader(body))
	if err != nil {
		return 0
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := h.http().Do(req)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// watch asks the nodes that a host reaches, all the time. One that does not answer, or says that it is not ready, says
// nothing wrong.
func (l *load) watch(h *host) {
	for l.pause(250 * time.Millisecond) {
		for _, n := range l.nodes(h) {
			before := l.claim(h.name)
			if seen, err := visible(l.done, h, n); err == nil && slices.Contains(l.nodes(h), n) {
				l.compare(n.name, before, seen)
			}
		}
	}
}

// visible is the instances of the load that a node shows to a client on a host.
func visible(ctx context.Context, h, node *host) (map[string]bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, node.url()+"/api/v1/services/"+loadService, nil)
	if err != nil {
		return nil, err
	}
	res, err := h.http().Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", node.name, res.Status)
	}
	var list struct{ Instances []instance }
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(list.Instances))
	for _, i := range list.Instances {
		seen[i.ID] = true
	}
	return seen, nil
}
