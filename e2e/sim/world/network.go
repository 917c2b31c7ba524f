package world

import (
	"math/rand/v2"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/gossip/frame"
	"github.com/musterhq/muster/gossip/spread"
)

// network carries packets, which may be lost, doubled, delayed and overtaken, and streams, which arrive in order or not
// at all.
type network struct {
	w       *World
	rand    *rand.Rand
	weather Weather
	places  int
	cut     []int // by from*places+to: how many faults close that direction
	clog    []int // likewise: what is sent waits until it opens
	waiting [][]func()
	bad     []time.Duration // when a direction, or one of its ends, was last not as it should be
	broken  []time.Duration // when a direction was last closed or clogged
	streams map[[2]int]*stream
	badSky  time.Duration // when the weather was last bad for everyone
	storms  int
}

// stream is the messages that wait for one peer, as the product's sender queues them.
type stream struct {
	queue []func(done func())
	busy  bool
}

const (
	// streamQueue is how many messages wait for one peer at most; what comes then is dropped.
	streamQueue = 64
	// streamPatience is how long a stream is tried before it is given up.
	streamPatience = 10 * time.Second
	streamRetry    = 500 * time.Millisecond
	// bandwidth is how many bytes of a stream pass in a second.
	bandwidth = 10_000_000
	// strangerWait is how long a sender waits for a member that it has not heard of yet.
	strangerWait = 2 * time.Second
)

func (t *network) init(w *World) {
	t.w, t.rand, t.weather = w, rng(w.plan.Seed, "network", 0), w.plan.Net
	t.places = w.plan.Nodes
	n := t.places * t.places
	t.cut, t.clog, t.waiting = make([]int, n), make([]int, n), make([][]func(), n)
	t.bad, t.broken = make([]time.Duration, n), make([]time.Duration, n)
	t.streams = make(map[[2]int]*stream)
}

func (t *network) link(from, to int) int { return from*t.places + to }

// open reports whether packets get from one place to another.
func (t *network) open(from, to int) bool { return from == to || t.cut[t.link(from, to)] == 0 }

func (t *network) clear(from, to int) bool {
	return t.open(from, to) && (from == to || t.clog[t.link(from, to)] == 0)
}

// close and reopen change one direction.
func (t *network) close(from, to int) {
	if from != to {
		t.cut[t.link(from, to)]++
	}
}

func (t *network) reopen(from, to int) {
	if from != to {
		t.cut[t.link(from, to)]--
		t.bad[t.link(from, to)] = t.w.now
		t.broken[t.link(from, to)] = t.w.now
	}
}

func (t *network) jam(from, to int) {
	if from != to {
		t.clog[t.link(from, to)]++
	}
}

func (t *network) unjam(from, to int) {
	if from == to {
		return
	}
	l := t.link(from, to)
	t.clog[l]--
	t.bad[l], t.broken[l] = t.w.now, t.w.now
	if t.clog[l] == 0 {
		for _, do := range t.waiting[l] {
			t.w.after(between(t.rand, 0, 20*time.Millisecond), do)
		}
		t.waiting[l] = nil
	}
}

// trip reports whether a question gets from a to b now, and its answer back.
func (t *network) trip(a, b *node) bool {
	return a.runs() && b.runs() && t.clear(a.place, b.place) && t.clear(b.place, a.place)
}

// reaches reports whether news gets from a to b, over others if need be.
func (t *network) reaches(a, b *node) bool {
	if !b.runs() {
		return false
	}
	if t.clear(a.place, b.place) {
		return true
	}
	nodes := t.w.nodes
	met := make([]bool, len(nodes))
	met[a.index] = true
	front := []*node{a}
	for len(front) > 0 {
		x := front[0]
		front = front[1:]
		for _, y := range nodes {
			if !met[y.index] && y.site == a.site && y.runs() && t.clear(x.place, y.place) {
				if y == b {
					return true
				}
				met[y.index] = true
				front = append(front, y)
			}
		}
	}
	return false
}

// delay draws a one-way delay.
func (t *network) delay() time.Duration {
	d := t.weather.Min + time.Duration(t.rand.ExpFloat64()*float64(t.weather.Mean-t.weather.Min))
	return min(d, 200*time.Millisecond)
}

// send takes what a replica wants to be sent.
func (t *network) send(from *node, o muster.Outbound) {
	w := t.w
	if _, sync := o.Msg.(spread.SyncRequest); sync && w.deltasOnly && from.ready {
		return
	}
	deliver := func(to *node) {
		if len(o.Reports) > 0 {
			w.reports(to, o.Reports)
			return
		}
		if o.News != nil {
			to.rep.Hear(to.moment(), from.id, *o.News)
			w.settle(to)
			return
		}
		w.renewals(to, o.Renewals)
	}
	size, reliable := 0, o.News == nil
	if o.Msg == nil {
		for _, k := range o.Renewals {
			size += len(k.Namespace) + len(k.Service) + len(k.ID) + 3
		}
		for _, p := range o.Reports {
			size += len(p.Key.Namespace) + len(p.Key.Service) + len(p.Key.ID) + len(p.Check) + len(p.Output) + 8
		}
	} else {
		size, reliable = spread.Size(o.Msg), o.Reliable
		msg := o.Msg
		if w.plan.Codec {
			encoded := frame.Append(nil, o.Msg)
			if size < len(encoded) {
				w.fail("anytime_sizes_are_bounds", "a %T of %d bytes is said to have %d at most", o.Msg, len(encoded), size)
			}
			decoded, err := frame.Decode(encoded)
			if err != nil {
				w.fail("anytime_messages_decode", "a %T of %s: %v", o.Msg, from.name, err)
				return
			}
			msg = decoded
		}
		deliver = func(to *node) { w.receive(to, from.id, msg) }
	}
	from.w.stats.Bytes += uint64(size)
	if spread.DatacenterOf(o.To) != spread.DatacenterOf(from.id) {
		w.checkCrossing(from, o.Msg)
		w.wide.send(from, o.To, size, deliver)
		return
	}
	if reliable {
		w.stats.Streams++
		t.stream(from, o.To, size, deliver)
		return
	}
	w.stats.Packets++
	if w.syncOnly {
		return
	}
	to := w.resolve(from, o.To)
	if to == nil {
		return
	}
	t.packet(from, to, deliver)
}

// packet puts one packet under way, or several, or none.
func (t *network) packet(from, to *node, deliver func(*node)) {
	s := &t.weather
	if t.rand.Float64() < s.Loss {
		t.w.stats.Lost++
		return
	}
	copies := 1
	if t.rand.Float64() < s.Duplicate {
		copies++
		t.w.stats.Duplicated++
	}
	for range copies {
		d := t.delay()
		if s.Delayed > 0 && t.rand.Float64() < s.Delayed {
			d += between(t.rand, 0, s.Again)
			t.w.stats.Delayed++
		}
		t.launch(from, to, d, deliver)
	}
	if s.Replay > 0 && t.rand.Float64() < s.Replay {
		t.w.stats.Replayed++
		t.launch(from, to, between(t.rand, s.Again/4, s.Again), deliver)
	}
}

// launch delivers after d, if the way is open then; what is clogged waits.
func (t *network) launch(from, to *node, d time.Duration, deliver func(*node)) {
	arrive := func() {
		if t.open(from.place, to.place) && to.up {
			t.w.soon(to, 0, func() { deliver(to) })
		} else {
			t.w.stats.Lost++
		}
	}
	if !t.open(from.place, to.place) {
		t.w.stats.Lost++
		return
	}
	if from != to && from.place != to.place && t.clog[t.link(from.place, to.place)] > 0 {
		l := t.link(from.place, to.place)
		t.waiting[l] = append(t.waiting[l], arrive)
		return
	}
	t.w.after(d, arrive)
}

// stream queues a message for a peer.
func (t *network) stream(from *node, id string, size int, deliver func(*node)) {
	w := t.w
	peers := w.byID[id]
	if len(peers) == 0 {
		return
	}
	key := [2]int{from.index, peers[0].index}
	s := t.streams[key]
	if s == nil {
		s = &stream{}
		t.streams[key] = s
	}
	if len(s.queue) >= streamQueue {
		w.stats.Lost++
		return
	}
	life, since := from.life, time.Duration(-1)
	var try func(done func())
	try = func(done func()) {
		if !from.up || from.life != life {
			done()
			return
		}
		if since < 0 {
			since = w.now
		}
		again := func(d time.Duration) { w.after(d, func() { try(done) }) }
		to := w.resolve(from, id)
		switch {
		case to == nil && w.now-since >= strangerWait, w.now-since >= streamPatience:
			w.stats.Lost++
			done()
		case to == nil:
			again(50 * time.Millisecond)
		case !to.up && t.clear(from.place, to.place): // Refused: nobody listens there.
			w.stats.Lost++
			done()
		case !t.clear(from.place, to.place) || !t.clear(to.place, from.place) || from.paused:
			again(streamRetry)
		default:
			w.after(2*t.delay()+t.delay()+time.Duration(size)*time.Second/bandwidth, func() {
				if to.up && t.open(from.place, to.place) {
					w.soon(to, 0, func() { deliver(to) })
				} else {
					w.stats.Lost++
				}
				done()
			})
		}
	}
	s.queue = append(s.queue, try)
	t.drain(s)
}

func (t *network) drain(s *stream) {
	if s.busy || len(s.queue) == 0 {
		return
	}
	s.busy = true
	next := s.queue[0]
	s.queue = s.queue[1:]
	next(func() {
		s.busy = false
		t.w.after(0, func() { t.drain(s) })
	})
}

// receive hands a message to a replica.
func (w *World) receive(n *node, from string, msg spread.Message) {
	w.mix(uint64(w.now) ^ uint64(n.index)<<32 ^ uint64(msg.Kind())<<40)
	if w.out != nil {
		w.note(n.name, "receives %s from %s, %d bytes", msg.Kind(), from, spread.Size(msg))
	}
	n.rep.Receive(n.moment(), from, msg)
	w.settle(n)
}

// renewals hands renewals that a peer passes on to a replica.
func (w *World) renewals(n *node, keys []muster.Key) {
	if w.out != nil {
		w.note(n.name, "receives %d renewals", len(keys))
	}
	n.rep.RenewForwarded(n.moment(), keys)
	for _, k := range keys {
		n.hears(k)
	}
	w.settle(n)
}

// impaired notes that a node has just stopped or started: its links were not as they should be until now.
func (w *World) impaired(n *node) {
	for i := range w.net.places {
		w.net.bad[w.net.link(n.place, i)] = w.now
		w.net.bad[w.net.link(i, n.place)] = w.now
	}
}

// healthy is since when two nodes have been able to talk to each other, and known each other as members.
func (w *World) healthy(a, b *node) time.Duration {
	t := &w.net
	if !a.runs() || !b.runs() || a.slow > 0 || b.slow > 0 || t.storms > 0 {
		return w.now
	}
	since := max(t.badSky, a.started, b.started)
	if a == b {
		return since
	}
	va, vb := &a.view[b.index], &b.view[a.index]
	if !t.clear(a.place, b.place) || !t.clear(b.place, a.place) || !va.up || !vb.up || va.life != b.life || vb.life != a.life {
		return w.now
	}
	return max(since, t.bad[t.link(a.place, b.place)], t.bad[t.link(b.place, a.place)], va.since, vb.since)
}
