package lan

import "time"

// inbound is a message, or a digest that came with the acknowledgement of a probe.
type inbound struct {
	from   string
	msg    []byte
	digest bool
	rtt    time.Duration
}

// offer puts something into the inbox, or drops and counts it if there is no room.
func (p *Pool) offer(in inbound) {
	select {
	case p.inbox <- in:
	default:
		p.stats.dropped.Add(1)
	}
}

// deliver hands messages and digests over, one at a time, until the pool closes.
func (p *Pool) deliver() {
	for {
		select {
		case <-p.done:
			return
		case in := <-p.inbox:
			switch {
			case p.closing():
				return
			case in.digest:
				p.cfg.OnDigest(in.from, in.msg, in.rtt)
			case p.cfg.Handler != nil:
				p.cfg.Handler(in.from, in.msg)
			}
		}
	}
}

// announce logs events and hands them over, in order, until the pool closes.
func (p *Pool) announce() {
	for {
		select {
		case <-p.done:
			return
		case <-p.events.Ready:
			for _, e := range p.events.Take() {
				if p.closing() {
					return
				}
				p.logEvent(e)
				if p.cfg.OnEvent != nil {
					p.cfg.OnEvent(e)
				}
			}
		}
	}
}

func (p *Pool) logEvent(e Event) {
	m := e.Member
	switch e.Kind {
	case EventConflict:
		p.log.Warn("two nodes have one name", "peer", m.Name, "address", m.Addr, "other_address", e.Other)
	case EventFailed:
		p.log.Warn("member failed", "peer", m.Name, "address", m.Addr, "incarnation", m.Incarnation)
	case EventJoined:
		p.log.Info("member joined", "peer", m.Name, "address", m.Addr, "incarnation", m.Incarnation)
	case EventLeft:
		p.log.Info("member left", "peer", m.Name, "address", m.Addr, "incarnation", m.Incarnation)
	case EventUpdated:
		p.log.Debug("member updated", "peer", m.Name, "address", m.Addr, "incarnation", m.Incarnation)
	}
}
