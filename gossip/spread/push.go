package spread

import "slices"

// fanout is K for the trees that start here: everyone at once in a small cluster, a few in a large one.
func (e *Engine) fanout() uint8 {
	others := len(e.roster.order) - 1
	if others > e.cfg.FlatMax {
		return uint8(e.cfg.Fanout)
	}
	return uint8(max(others, 1))
}

// local sends this node's writes on their way.
func (e *Engine) local(in Local) {
	f := Frame{Origin: in.Origin, Deltas: in.Deltas}
	if !f.ordered() {
		e.stats.Malformed++
		return
	}
	e.learn(f.Origin)
	e.root(&f)
	e.took(f, true)
	e.relay("", []Frame{f})
	e.forward("", []Frame{f})
}

// root makes this node the top of the tree by which a frame travels in its data centre.
func (e *Engine) root(f *Frame) {
	f.Root, f.Fanout = "", e.fanout()
	if f.Origin.Node != e.cfg.Self {
		f.Root = e.cfg.Self
	}
	if FrameSize(*f) > e.cfg.StreamAt*e.cfg.MaxPacket {
		// A large batch goes through a tree even in a small cluster, lest the writer send all of it to everyone.
		f.Fanout = uint8(e.cfg.Fanout)
	}
	e.tails.set(f.Origin, f.Deltas[len(f.Deltas)-1].Seq, e.now, e.cfg.HeadDelays[0])
}

// push takes in what a member sent, or the far end of a link, passes on what was new of it, and notes what is missing before or between.
func (e *Engine) push(from string, m Push) {
	onward := make([]Frame, 0, len(m.Frames))
	for _, f := range m.Frames {
		var named bool
		if f.Origin, named = e.spell(from, f.Origin); !named {
			continue
		}
		if !f.ordered() || e.strays(from, f.Origin) {
			e.stats.Malformed++
			continue
		}
		fresh, err := e.cfg.Store.Apply(f.Origin, f.Deltas)
		if err != nil {
			e.stats.Malformed++
		} else {
			e.stats.Duplicates += uint64(len(f.Deltas) - len(fresh))
		}
		e.stats.Fresh += uint64(len(fresh))
		e.gap(from, f)
		if len(fresh) > 0 {
			e.learn(f.Origin)
			f.Deltas = fresh
			e.took(f, false)
			onward = append(onward, f)
		}
	}
	if e.far.has(from) {
		if planted == "what comes over a link is not passed on" {
			return
		}
		for i := range onward {
			e.root(&onward[i])
		}
	}
	e.relay(from, onward)
	e.forward(from, onward)
}

// took remembers fresh deltas, for those who will ask, and plans to announce them.
func (e *Engine) took(f Frame, own bool) {
	e.quietAt = e.now + e.cfg.Quiet
	e.cache.add(e.now, f, own)
	e.announceLater(f.Origin, f.Deltas)
	e.news.arm(e.now + e.cfg.AnnounceDelay)
}

// relay passes frames on to this node's children in the trees by which they travel. Frames that follow each other in
// the same tree share packets.
func (e *Engine) relay(from string, frames []Frame) {
	for len(frames) > 0 {
		first, n := frames[0], 1
		for n < len(frames) && frames[n].root() == first.root() && frames[n].Fanout == first.Fanout {
			n++
		}
		to := e.roster.children(first.root(), e.cfg.Self, int(first.Fanout))
		for i, id := range to {
			if id == from { // Its view of the members differs from ours; it has them already.
				to = append(to[:i], to[i+1:]...)
				break
			}
		}
		e.deliver(to, frames[:n])
		frames = frames[n:]
	}
}

// deliver sends frames in as many packets as it takes or, if that is too many, by stream.
func (e *Engine) deliver(to []string, frames []Frame) {
	if len(to) == 0 {
		return
	}
	limit := e.cfg.MaxPacket
	stream := framesSize(frames) > e.cfg.StreamAt*e.cfg.MaxPacket
	if stream {
		limit = e.cfg.MaxStream
	} else {
		frames = slices.Clone(frames)
		for i, f := range frames {
			frames[i].Origin = e.short(f.Origin, f.Deltas[0].Seq)
		}
	}
	for _, p := range pack(frames, limit) {
		e.send(to, p, stream || Size(p) > e.cfg.MaxPacket)
	}
}
