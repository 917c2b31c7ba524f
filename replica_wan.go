package muster

import (
	"maps"
	"slices"
	"time"

	"github.com/musterhq/muster/gossip/spread"
	"github.com/musterhq/muster/selfpreserve"
)

// Distance is another data centre that can be reached, and how far it is.
type Distance struct {
	Datacenter string
	// RTT is the estimated round trip between a gateway here and the nearest one there, 0 if it is not known yet.
	RTT time.Duration
}

// World is what a gateway tells the members of its data centre: which others can be reached.
type World struct{ Reachable []Distance }

// elsewhere is what a replica knows of other data centres. At a gateway it comes from its links and from what the gateways of
// the world say of theirs; every gateway tells the members of its own data centre which ones can be reached, and that is
// all that the others know.
type elsewhere struct {
	links   []string            // far ends of this node's own links, sorted
	linked  map[string][]string // by data centre: those to which it has links, as its gateways say
	rtt     map[string]time.Duration
	gateway bool

	heard  map[string]worldNews // by gateway of this data centre, this node among them
	abroad map[string]int       // instances, by other data centre
	away   map[string]absence   // those that cannot be reached
	known  map[string]*sighting // every other one that was reached in this life
	begun  selfpreserve.Instant
	judge  selfpreserve.Instant // when reachability is judged again
	tell   selfpreserve.Instant // when the members are told again, at a gateway
	rest   []awayRest
}

// absence is a data centre that cannot be reached: since when, and whether that is for so long that its instances are shown to
// nobody here any more.
type absence struct {
	since  time.Time
	began  selfpreserve.Instant
	hidden bool
}

// worldNews is what a gateway has said last.
type worldNews struct {
	at    selfpreserve.Instant
	world []Distance
}

// awayRest is the services whose views are still to be brought in line with whether a data centre is away.
type awayRest struct {
	datacenter string
	services   []ServiceKey
}

const (
	// worldInterval is how often a gateway tells the members which data centres can be reached, whether or not it has
	// changed; worldAge is after which time without a word of any gateway none can.
	worldInterval = 5 * time.Second
	worldAge      = 3*worldInterval + time.Second
	// awayInterval is how often reachability is judged, awayPause the time between two slices of the work that follows.
	awayInterval = time.Second
	awayPause    = 2 * time.Millisecond
)

func newElsewhere(now selfpreserve.Instant) elsewhere {
	return elsewhere{
		linked: make(map[string][]string), rtt: make(map[string]time.Duration), heard: make(map[string]worldNews),
		abroad: make(map[string]int), away: make(map[string]absence), known: make(map[string]*sighting), begun: now,
		judge: now + awayInterval,
	}
}

// LinkUp tells a gateway of a link to a gateway of another data centre, "datacenter/name".
func (r *Replica) LinkUp(at Moment, peer string) {
	r.begin(at)
	if i, found := slices.BinarySearch(r.wan.links, peer); !found {
		r.wan.links = slices.Insert(r.wan.links, i, peer)
		r.tell(NodeEventMembership, peer, "linked: what either data centre writes goes to the other")
	}
	r.wan.gateway, r.wan.tell, r.wan.judge = true, at.Mono, at.Mono
	r.step(spread.LinkUp{Peer: peer})
	r.boot.again(at.Mono)
	r.boot.tick(r)
	r.end()
}

// LinkDown tells a gateway that a link has ended, and why.
func (r *Replica) LinkDown(at Moment, peer, reason string) {
	r.begin(at)
	if i, found := slices.BinarySearch(r.wan.links, peer); found {
		r.wan.links = slices.Delete(r.wan.links, i, i+1)
		r.tell(NodeEventMembership, peer, "link down: %s", reason)
	}
	r.wan.tell, r.wan.judge = at.Mono, at.Mono
	delete(r.boot.asked, peer)
	r.step(spread.LinkDown{Peer: peer})
	r.end()
}

// Linked tells a gateway to which data centres another, or its own, has links, as their gateways say.
func (r *Replica) Linked(at Moment, datacenter string, to []string) {
	to = slices.Sorted(slices.Values(to))
	if slices.Equal(r.wan.linked[datacenter], to) {
		return
	}
	r.begin(at)
	r.wan.linked[datacenter] = to
	r.wan.gateway, r.wan.tell, r.wan.judge = true, at.Mono, at.Mono
	r.step(spread.Linked{Datacenter: datacenter, To: to})
	r.end()
}

// SetDistance tells a gateway the round trip to another data centre.
func (r *Replica) SetDistance(at Moment, datacenter string, rtt time.Duration) {
	r.begin(at)
	r.wan.gateway = true
	r.wan.rtt[datacenter] = rtt
	r.end()
}

// Hear takes what a gateway of this data centre says: which others can be reached.
func (r *Replica) Hear(at Moment, gateway string, world World) {
	r.begin(at)
	if r.peers.alive(gateway) {
		r.hear(gateway, world.Reachable)
	}
	r.end()
}

func (r *Replica) hear(gateway string, world []Distance) {
	before := r.wan.heard[gateway].world
	r.wan.heard[gateway] = worldNews{r.at.Mono, world}
	r.sight(gateway, world)
	if !slices.Equal(before, world) {
		r.wan.judge = r.at.Mono
	}
}

// Distances is the other data centres that can be reached, by name, with the shortest round trip that a gateway here
// reports.
func (r *Replica) Distances() []Distance {
	best := make(map[string]time.Duration)
	for _, news := range r.wan.heard {
		if r.at.Mono-news.at > worldAge {
			continue
		}
		for _, d := range news.world {
			if rtt, known := best[d.Datacenter]; !known || rtt == 0 || d.RTT > 0 && d.RTT < rtt {
				best[d.Datacenter] = d.RTT
			}
		}
	}
	out := make([]Distance, 0, len(best))
	for _, dc := range slices.Sorted(maps.Keys(best)) {
		out = append(out, Distance{dc, best[dc]})
	}
	return out
}

// world is what this gateway can reach: by its own links, by those of its data centre, and by those of others.
func (w *elsewhere) world(own string) []Distance {
	reached := map[string]bool{own: true}
	todo := slices.Clone(w.linked[own])
	for _, peer := range w.links {
		todo = append(todo, spread.DatacenterOf(peer))
	}
	for len(todo) > 0 {
		dc := todo[0]
		todo = todo[1:]
		if !reached[dc] {
			reached[dc] = true
			todo = append(todo, w.linked[dc]...)
		}
	}
	delete(reached, own)
	out := make([]Distance, 0, len(reached))
	for _, dc := range slices.Sorted(maps.Keys(reached)) {
		out = append(out, Distance{dc, w.rtt[dc]})
	}
	return out
}

// tendWAN tells the members of this data centre what can be reached, judges what cannot, and marks the instances there.
func (r *Replica) tendWAN() {
	w := &r.wan
	if w.gateway && r.at.Mono >= w.tell {
		w.tell = r.at.Mono + worldInterval
		world := w.world(r.cfg.Datacenter)
		r.hear(r.id, world)
		for _, to := range r.peers.others() {
			r.out = append(r.out, Outbound{To: to, News: &World{world}})
		}
	}
	if r.at.Mono >= w.judge {
		w.judge = r.at.Mono + awayInterval
		r.judgeAway()
	}
	r.markAway()
}

// judgeAway compares the data centres that instances are in with those that can be reached.
func (r *Replica) judgeAway() {
	w := &r.wan
	maps.DeleteFunc(w.heard, func(_ string, news worldNews) bool { return r.at.Mono-news.at > worldAge })
	if len(w.abroad) == 0 && len(w.away) == 0 || r.at.Mono-w.begun < worldAge && len(w.heard) == 0 {
		return // Nothing is elsewhere, or nobody can have said anything yet.
	}
	reached := make(map[string]bool)
	for _, d := range r.Distances() {
		reached[d.Datacenter] = true
	}
	for _, dc := range slices.Sorted(maps.Keys(w.abroad)) {
		if _, is := w.away[dc]; !is && !reached[dc] {
			w.away[dc] = absence{since: r.at.Wall.UTC().Truncate(time.Millisecond), began: r.at.Mono}
			r.tell(NodeEventSelfPreservation, dc, "%s cannot be reached: its %d instances are kept", dc, w.abroad[dc])
			r.planMarks(dc)
		}
	}
	for _, dc := range slices.Sorted(maps.Keys(w.away)) {
		switch a := w.away[dc]; {
		case reached[dc]:
			r.tell(NodeEventSelfPreservation, dc, "%s can be reached again", dc)
			delete(w.away, dc)
			r.planMarks(dc)
		case w.abroad[dc] == 0:
			r.tell(NodeEventSelfPreservation, dc, "%s cannot be reached, and no instance of it is kept any more", dc)
			delete(w.away, dc)
			r.planMarks(dc)
		case !a.hidden && r.cfg.RemoteMaxAge > 0 && r.at.Mono-a.began >= r.cfg.RemoteMaxAge:
			a.hidden = true
			w.away[dc] = a
			r.tell(NodeEventSelfPreservation, dc, "%s has not been reachable for %v: its %d instances are kept, and left out of answers until it is",
				dc, r.cfg.RemoteMaxAge, w.abroad[dc])
			r.planMarks(dc)
		}
	}
}

// planMarks plans to bring the views in line with whether a data centre is away.
func (r *Replica) planMarks(dc string) {
	a := r.wan.away[dc]
	r.cat.SetAway(dc, a.since)
	r.cat.Hide(dc, a.hidden)
	r.wan.rest = slices.DeleteFunc(r.wan.rest, func(a awayRest) bool { return a.datacenter == dc })
	r.wan.rest = append(r.wan.rest, awayRest{dc, r.serviceKeys()})
}

// markAway does a slice of what planMarks has planned.
func (r *Replica) markAway() {
	for seen := 0; len(r.wan.rest) > 0 && seen < heirsSlice; {
		rest := &r.wan.rest[0]
		if len(rest.services) == 0 {
			r.wan.rest = r.wan.rest[1:]
			continue
		}
		seen += 1 + r.cat.Renew(r.at, rest.services[0], rest.datacenter)
		rest.services = rest.services[1:]
	}
}

// nextWAN is when tendWAN has something to do.
func (r *Replica) nextWAN() (time.Duration, bool) {
	next := r.wan.judge
	if r.wan.gateway {
		next = min(next, r.wan.tell)
	}
	if len(r.wan.rest) > 0 {
		next = min(next, r.at.Mono+awayPause)
	}
	return next, r.wan.gateway || len(r.wan.abroad) > 0 || len(r.wan.away) > 0
}

// countAbroad keeps the counts of instances in other data centres.
func (r *Replica) countAbroad(inst *Instance, n int) {
	if inst == nil || inst.Datacenter == r.cfg.Datacenter {
		return
	}
	if r.wan.abroad[inst.Datacenter] += n; r.wan.abroad[inst.Datacenter] == 0 {
		delete(r.wan.abroad, inst.Datacenter)
	}
}
