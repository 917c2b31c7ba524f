package spread

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/musterhq/muster/catalog/causal"
)

// newsRuns is how many runs of one origin an announcement names at most, the newest ones. A sync leaves thousands; the
// peers that lack them learn from a few that there is a sync to be had.
const newsRuns = 8

// leastNews is how many bytes an announcement has when there is hardly a budget: of some twenty origins that have just
// written.
const leastNews = 160

// news is the dots that wait to be announced, and the budget for it.
type news struct {
	dots  causal.Vector
	turn  map[causal.Origin]uint64 // of each origin in dots, which of the additions was its last
	turns uint64
	armed bool
	due   Instant

	tokens   int // Bytes that may be spent; below zero after a large announcement.
	refilled Instant
}

// add plans to announce a run. A range that names nothing is ignored.
func (n *news) add(o causal.Origin, r causal.Range) {
	if r.First == 0 || r.First > r.Last {
		return
	}
	if n.turn == nil {
		n.turn = make(map[causal.Origin]uint64)
	}
	n.turns++
	n.turn[o] = n.turns
	n.dots.AddRange(o, r)
	if runs := n.dots.Ranges(o); len(runs) > 4*newsRuns {
		newest := slices.Clone(runs[len(runs)-newsRuns:])
		n.dots.Drop(o)
		for _, r := range newest {
			n.dots.AddRange(o, r)
		}
	}
}

// announceLater plans to announce deltas, which are in order, run by run.
func (e *Engine) announceLater(o causal.Origin, deltas []Delta) {
	for i := 0; i < len(deltas); {
		run := deltas[i].run()
		for i++; i < len(deltas) && deltas[i].Seq == run.Last+1; i++ {
			run.Last++
		}
		e.news.add(o, run)
	}
}

// arm sets the time of the next announcement, unless there is to be one earlier.
func (n *news) arm(at Instant) {
	if !n.armed || at < n.due {
		n.armed, n.due = true, at
	}
}

// refill adds what the budget has grown by, and returns when it will be above zero.
func (n *news) refill(now Instant, rate, burst int) Instant {
	// Beyond this the budget is full; the product below would overflow.
	elapsed := min(now-n.refilled, Instant(burst/rate+1)*2*time.Second)
	n.tokens = min(burst, n.tokens+int(int64(elapsed)*int64(rate)/int64(time.Second)))
	n.refilled = now
	if n.tokens >= 0 {
		return now
	}
	return now + Instant(int64(-n.tokens)*int64(time.Second)/int64(rate)) + time.Millisecond
}

// take removes news of at most so many bytes, but of one origin at least, the latest first: what an origin wrote a while ago
// its next write has shown to those who lack it, if there was one, so that it is the newest which have to be quick. The
// others wait until there is room.
func (n *news) take(room int, short func(causal.Origin, uint64) causal.Origin) []Span {
	type writer struct {
		origin causal.Origin
		turn   uint64
	}
	latest := make([]writer, 0, len(n.turn))
	for o, turn := range n.turn {
		latest = append(latest, writer{o, turn})
	}
	slices.SortFunc(latest, func(a, b writer) int { return cmp.Compare(b.turn, a.turn) })
	var spans []Span
	for _, w := range latest {
		o := w.origin
		runs := n.dots.Ranges(o)
		had := len(spans)
		for _, r := range runs[max(0, len(runs)-newsRuns):] {
			s := Span{short(o, r.First), r}
			spans = append(spans, s)
			room -= spanSize(s)
		}
		if room < 0 && had > 0 {
			return spans[:had]
		}
		n.dots.Drop(o)
		delete(n.turn, o)
	}
	n.turns = 0
	return spans
}

// announce tells a few random peers which dots have come in, when it is due and affordable.
func (e *Engine) announce() {
	n := &e.news
	if !n.armed || e.now < n.due {
		return
	}
	if at := n.refill(e.now, e.cfg.AnnounceRate, e.cfg.AnnounceBurst); at > e.now {
		n.due = at
		return
	}
	spans := n.take(max(n.tokens/e.cfg.AnnounceFanout, leastNews), e.short)
	n.armed = false
	if len(n.turn) > 0 {
		n.arm(e.now + e.cfg.AnnounceDelay)
	}
	to := e.roster.sample(e.cfg.Rand, e.cfg.AnnounceFanout, e.cfg.Self, e.cfg.Self)
	for _, part := range packSpans(spans, e.cfg.MaxPacket) {
		m := Have{part}
		e.send(to, m, false)
		n.tokens -= len(to) * Size(m)
	}
}

// tails is the writers of which the last write may have been lost without a later one that would show it. A writer's
// tail is announced again, three times, unless it writes again.
type tails struct {
	by   map[causal.Origin]tail
	next Instant // The earliest due; of use only while by is not empty.
}

type tail struct {
	head  uint64
	at    Instant
	stage int
	due   Instant
}

// set notes that an origin has just written head.
func (t *tails) set(o causal.Origin, head uint64, now, delay Instant) {
	if t.by == nil {
		t.by = make(map[causal.Origin]tail)
	}
	if len(t.by) == 0 || now+delay < t.next {
		t.next = now + delay
	}
	t.by[o] = tail{head: max(head, t.by[o].head), at: now, due: now + delay}
}

// announceTails plans to announce the tails that are due.
func (e *Engine) announceTails() {
	t := &e.tails
	if len(t.by) == 0 || e.now < t.next {
		return
	}
	var next soonest
	for _, o := range slices.SortedFunc(maps.Keys(t.by), causal.Origin.Compare) {
		tail := t.by[o]
		if tail.due <= e.now {
			run := e.cache.newest(o, uint64(e.cfg.WantMax))
			if run.Last != tail.head {
				run = causal.Range{First: tail.head, Last: tail.head}
			}
			e.news.add(o, run)
			e.news.arm(e.now)
			if tail.stage++; tail.stage == len(e.cfg.HeadDelays) {
				delete(t.by, o)
				continue
			}
			tail.due = tail.at + e.cfg.HeadDelays[tail.stage]
			t.by[o] = tail
		}
		next.add(tail.due, true)
	}
	t.next = next.at
}
