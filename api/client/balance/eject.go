package balance

import (
	"cmp"
	"slices"
	"time"
)

// eject takes m out, unless half of the healthy would be out then.
func (b *Balancer) eject(now time.Time, m *member) {
	if now.Before(m.ejected) || !m.Healthy {
		return
	}
	healthy, out := 0, 0
	for _, other := range b.all {
		if other.Healthy {
			healthy++
			if now.Before(other.ejected) {
				out++
			}
		}
	}
	if 2*(out+1) > healthy {
		return
	}
	if !m.forgiven.IsZero() && !now.Before(m.forgiven) {
		m.ejections = 0
	}
	m.ejections++
	m.failures = 0
	m.ejected = now.Add(min(b.cfg.Ejection.Base*time.Duration(m.ejections), b.cfg.Ejection.Max))
	m.forgiven = m.ejected.Add(b.cfg.Ejection.Max)
	b.dirty = true
}

// renew finds out who is to be chosen from.
func (b *Balancer) renew(now time.Time) {
	b.dirty, b.until = false, time.Time{}
	b.pardon(now)
	own, ownUsable := 0, 0
	b.usable = b.usable[:0]
	for _, m := range b.all {
		near := b.cfg.Zone != "" && m.Zone == b.cfg.Zone
		if near {
			own++
		}
		if !m.Healthy {
			continue
		}
		if now.Before(m.ejected) {
			if b.until.IsZero() || m.ejected.Before(b.until) {
				b.until = m.ejected
			}
			continue
		}
		if near {
			ownUsable++
		}
		b.usable = append(b.usable, m)
	}
	if ownUsable > 0 && float64(ownUsable) >= b.cfg.ZoneEnough*float64(own) {
		b.usable = slices.DeleteFunc(b.usable, func(m *member) bool { return m.Zone != b.cfg.Zone })
	}
	b.totals = b.totals[:0]
	total := 0
	for _, m := range b.usable {
		total += m.Weight
		b.totals = append(b.totals, total)
	}
}

// pardon brings back those whose ejections end first, if more than half of the healthy are out, as when others have gone.
func (b *Balancer) pardon(now time.Time) {
	var out []*member
	healthy := 0
	for _, m := range b.all {
		if m.Healthy {
			healthy++
			if now.Before(m.ejected) {
				out = append(out, m)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *member) int { return cmp.Or(a.ejected.Compare(b.ejected), cmp.Compare(a.ID, b.ID)) })
	for len(out) > 0 && 2*len(out) > healthy {
		out[0].ejected = time.Time{}
		out = out[1:]
	}
}
