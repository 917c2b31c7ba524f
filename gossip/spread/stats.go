package spread

// Traffic counts messages of one kind in one direction.
type Traffic struct {
	Messages, Frames, Deltas uint64
	// Bytes is the sum of their sizes, without what the transport adds.
	Bytes uint64
}

func (t *Traffic) add(m Message, size int) {
	t.Messages++
	t.Bytes += uint64(max(size, 0))
	var frames []Frame
	switch m := m.(type) {
	case Push:
		frames = m.Frames
	case SyncChunk:
		frames = m.Frames
	}
	t.Frames += uint64(len(frames))
	for _, f := range frames {
		t.Deltas += uint64(len(f.Deltas))
	}
}

// Stats is what an engine has counted since it was made, and what it holds now.
type Stats struct {
	// Sent and Received are indexed by Kind.
	Sent, Received [Kinds]Traffic

	// Fresh counts deltas received that were not covered before; Duplicates those that were.
	Fresh, Duplicates uint64
	// Wanted counts the runs of dots asked for, each try anew; GaveUp those for which a sync was started in the end.
	Wanted, GaveUp uint64
	// Syncs counts sessions started here, SyncsFailed those of them that came to no end, SyncsServed those opened by
	// others, SyncsRefused those turned away.
	Syncs, SyncsFailed, SyncsServed, SyncsRefused uint64
	// Divergences counts peers seen with an equal vector and an unequal state. It must stay 0.
	Divergences uint64
	// Malformed counts what could not be used: a frame out of order, a body that the store can't read, a span that
	// names nothing, an unknown message. Strays counts parts of sessions that are not open here.
	Malformed, Strays uint64

	// Unnamed counts tags in messages that stood for no origin known here, or for two.
	Unnamed uint64

	// Members is the size of the data centre, this node included.
	Members int
	// Cached and CachedBytes are the recent bodies kept; Lacking the runs of dots known to be missing; Announcing the
	// origins whose dots wait to be announced; SyncsIn, SyncsOut and SyncsWaiting the sessions.
	Cached, CachedBytes, Lacking, Announcing, SyncsIn, SyncsOut, SyncsWaiting int
}

// Stats returns the counters.
func (e *Engine) Stats() Stats {
	s := e.stats
	s.Members = len(e.roster.order)
	s.Cached, s.CachedBytes = e.cache.len, e.cache.bytes
	s.Lacking = len(e.lacks.list)
	s.Announcing = e.news.dots.Len() + len(e.tails.by)
	s.SyncsIn, s.SyncsOut, s.SyncsWaiting = len(e.inbound), len(e.outbound), len(e.waiting)
	return s
}
