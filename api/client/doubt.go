package client

import (
	"context"
	"net/http"
	"time"
)

// A second opinion is asked for again after doubtPause, if there was none.
const doubtPause = 4 * time.Second

// startDoubt looks for a second opinion in the background.
func (s *service) startDoubt() {
	s.say("list held back: instances are missing, and nobody said why", "")
	s.c.running.Go(func() { s.doubt(s.c.life) })
}

// say warns of something about a list in doubt.
func (s *service) say(what, other string) {
	s.mu.Lock()
	node, told, missing := s.from.name, len(s.told), len(s.missing)
	s.mu.Unlock()
	s.c.log.Warn(what, "service", s.name, "node", node, "other", other, "told", told, "missing", missing) //nolint:sloglint // Constant at every caller.
}

// doubt looks for a second opinion, until doubt has ended or lasted for long enough.
func (s *service) doubt(ctx context.Context) {
	deadline := time.Now().Add(s.c.cfg.Guard.Hold)
	wait := between(0, s.c.cfg.Spread/5) // All clients of the node may be in doubt at this moment.
	for pause(ctx, min(wait, time.Until(deadline))) == nil {
		from, over, late := s.stillDoubts(deadline)
		if late {
			s.say("list believed: it has been held back for long enough", "")
		}
		if over {
			return
		}
		wait = between(doubtPause/2, doubtPause)
		if s.askAnother(ctx, from) {
			wait = 0
		}
	}
}

// askAnother asks another node what it thinks of the missing, and reports whether that has settled it.
func (s *service) askAnother(ctx context.Context, from source) (settled bool) {
	a, err := s.c.call(ctx, request{
		method: http.MethodGet, path: pathOfService(s.name), query: s.c.scope(), timeout: s.c.cfg.Timeout,
		repeated: true, but: from.node, butName: from.name,
	})
	if err != nil || a.name == from.name {
		return s.nobodyElse() // Or only the same node, at another address.
	}
	theirs, err := decodeList(a.body)
	if err != nil {
		return false
	}
	switch s.hear(a.node, from, theirs) {
	case agreed:
		s.say("list believed: another node says the same", a.name)
		return true
	case contradicted:
		s.say("list refused: another node has what is missing", a.name)
	case overtaken:
	}
	return false
}

// stillDoubts is who told the list that is in doubt, and whether doubt is over: by itself, or because it is late.
func (s *service) stillDoubts(deadline time.Time) (from source, over, late bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.guard.doubts() && !time.Now().Before(deadline) {
		late = true
		s.settle()
	}
	over = !s.guard.doubts()
	s.doubting = !over
	return s.from, over, late
}

// nobodyElse ends the doubt of what is within the share: nobody else can be asked.
func (s *service) nobodyElse() (settled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if settled = s.guard.doubts() && s.guard.small; settled {
		s.settle()
	}
	return settled
}

// verdict is what a second opinion leads to.
type verdict int

const (
	agreed       verdict = iota // the missing are gone
	contradicted                // at least one of them is there
	overtaken                   // another list is in doubt meanwhile, or none
)

// hear takes a second opinion. If the other node has what is missing, the one who told is not to be trusted, and the
// client goes on with the other.
func (s *service) hear(other *node, from source, theirs []*Instance) verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.guard.doubts() || s.from.node != from.node {
		return overtaken
	}
	s.missing = lacking(s.missing, lacking(s.missing, theirs))
	if len(s.missing) == 0 {
		s.settle()
		return agreed
	}
	s.publish(union(s.told, s.missing), len(s.missing))
	s.c.pool.prefer(other)
	s.move()
	return contradicted
}
