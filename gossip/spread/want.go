package spread

import "github.com/musterhq/muster/catalog/causal"

// answerMax is how many dots one Want is answered with at most.
const answerMax = 1024

// gap looks for writes that a frame shows to exist and that have not come: before its first, or between two of it. The
// sender may have them, and the origin should.
func (e *Engine) gap(from string, f Frame) {
	last, prev := uint64(0), uint64(0)
	for _, d := range f.Deltas {
		if d.Seq > prev+1 && !e.cfg.Store.Covers(causal.Dot{Origin: f.Origin, Seq: d.Seq - 1}) {
			last = d.Seq - 1
		}
		prev = d.Seq
	}
	if last > 0 {
		e.lack([]Span{{f.Origin, causal.Range{First: 1, Last: last}}}, from, f.Origin.Node)
	}
}

// have looks at what a peer says it has.
func (e *Engine) have(from string, m Have) {
	spans := make([]Span, 0, len(m.Spans))
	for _, s := range m.Spans {
		var named bool
		if s.Origin, named = e.spell(from, s.Origin); !named {
			continue
		}
		if !s.valid() || e.strays(from, s.Origin) {
			e.stats.Malformed++
			continue
		}
		spans = append(spans, s)
	}
	e.lack(spans, from)
}

// lack tracks what is missing of the spans, to be asked for of one of the sources. If it is a lot, it is a matter for a
// sync with the first of them that is a member.
func (e *Engine) lack(spans []Span, sources ...string) {
	var missing []Span
	dots := uint64(0)
	for _, s := range spans {
		for _, r := range e.cfg.Store.Missing(s, e.cfg.WantMax+1) {
			missing = append(missing, Span{s.Origin, r})
			if r.Last-r.First >= uint64(e.cfg.WantMax)-dots { // Their sum may not fit 64 bits.
				e.pull(e.source(&lack{sources: sources}), missing[0], e.cfg.WantDelay)
				return
			}
			dots += r.Last - r.First + 1
		}
	}
	if len(missing) == 0 {
		return
	}
	if len(e.lacks.list)+e.cfg.WantMax > maxLacks { // A dot makes one entry at most.
		e.pull(e.source(&lack{sources: sources}), missing[0], e.cfg.WantDelay)
		return
	}
	for _, s := range missing {
		e.lacks.add(s, sources, e.now+e.cfg.WantDelay)
	}
}

// pull plans a sync that is needed only as long as a span is missing. What a frame shows to be missing may be in the
// packets that it has overtaken, so a sync for it waits as long as a question would.
func (e *Engine) pull(peer string, s Span, delay Instant) {
	e.request(waiting{peer: peer, due: e.now + delay, lack: true, needed: func() bool { return len(e.cfg.Store.Missing(s, 1)) > 0 }})
}

// askForLacks asks for the missing runs that are due, each of the next of its sources. After the last try a sync is to
// bring it.
func (e *Engine) askForLacks() {
	l := &e.lacks
	if len(l.list) == 0 || e.now < l.next {
		return
	}
	type ask struct {
		to    string
		spans []Span
	}
	var asks []ask
	var next soonest
	keep := l.list[:0]
	for _, k := range l.list {
		if k.due > e.now {
			next.add(k.due, true)
			keep = append(keep, k)
			continue
		}
		missing := e.cfg.Store.Missing(k.span, e.cfg.WantMax)
		if len(missing) == 0 {
			continue
		}
		to := e.source(&k)
		if to == "" {
			continue
		}
		if k.tries == e.cfg.WantTries {
			e.stats.GaveUp++
			e.pull(to, k.span, 0)
			continue
		}
		k.tries++
		k.due = e.now + e.cfg.WantDelay<<k.tries
		next.add(k.due, true)
		keep = append(keep, k)
		i := 0
		for i < len(asks) && asks[i].to != to {
			i++
		}
		if i == len(asks) {
			asks = append(asks, ask{to: to})
		}
		for _, r := range missing {
			asks[i].spans = append(asks[i].spans, Span{k.span.Origin, r})
		}
	}
	clear(l.list[len(keep):])
	l.list, l.next = keep, next.at
	if len(l.list) == 0 {
		l.list = nil
	}
	for _, a := range asks {
		e.stats.Wanted += uint64(len(a.spans))
		for _, part := range packSpans(a.spans, e.cfg.MaxPacket) {
			e.send([]string{a.to}, Want{part}, false)
		}
	}
}

// source is whom to ask next: the sources in turn, as long as they are members, else any member; empty if there is none.
func (e *Engine) source(k *lack) string {
	for i := range k.sources {
		id := k.sources[(k.tries+i)%len(k.sources)]
		if id != e.cfg.Self && e.known(id) {
			return id
		}
	}
	for _, id := range e.roster.sample(e.cfg.Rand, 1, e.cfg.Self, e.cfg.Self) {
		return id
	}
	return ""
}

// answer sends what a peer asks for, as far as it is held here. No honest peer asks for more than WantMax dots in one
// span, so no span is followed beyond that.
func (e *Engine) answer(from string, m Want) {
	var frames []Frame
	dots, bytes := 0, 0
	for _, s := range m.Spans {
		if !s.valid() || e.strays(from, s.Origin) {
			e.stats.Malformed++
			continue
		}
		f := Frame{Origin: s.Origin, Root: e.cache.root(s.Origin), Fanout: e.fanout()}
		for i := uint64(0); i <= min(s.Range.Last-s.Range.First, uint64(e.cfg.WantMax)-1); i++ {
			d := causal.Dot{Origin: s.Origin, Seq: s.Range.First + i}
			body, ok := e.cache.body(d)
			if !ok {
				body, ok = e.cfg.Store.Body(d)
			}
			if !ok {
				continue
			}
			if dots++; dots > answerMax || bytes > e.cfg.MaxStream {
				break
			}
			bytes += len(body)
			f.Deltas = append(f.Deltas, Delta{d.Seq, body})
		}
		if len(f.Deltas) > 0 {
			frames = append(frames, f)
		}
	}
	limit := e.cfg.MaxPacket
	if headerSize+framesSize(frames) > limit {
		limit = e.cfg.MaxStream
	}
	for _, p := range pack(frames, limit) {
		e.send([]string{from}, p, Size(p) > e.cfg.MaxPacket)
	}
}
