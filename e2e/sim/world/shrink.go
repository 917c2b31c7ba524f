package world

import "slices"

// Shrink makes a plan that fails smaller, as long as the same checker still fails: it leaves out faults, operations and
// clients, halves first and then one by one, and makes the network kinder. It returns the smallest plan found and its
// result, after at most budget runs.
func Shrink(p *Plan, budget int) (*Plan, *Result) {
	best := Run(p)
	if best.Failure == nil {
		return p, best
	}
	checker := best.Failure.Checker
	try := func(q *Plan) bool {
		if budget <= 0 {
			return false
		}
		budget--
		r := Run(q)
		if r.Failure == nil || r.Failure.Checker != checker {
			return false
		}
		p, best = q, r
		return true
	}
	for again := true; again && budget > 0; {
		again = drop(len(p.Faults), func(from, to int) bool {
			q := *p
			q.Faults = slices.Delete(slices.Clone(p.Faults), from, to)
			return try(&q)
		})
		again = drop(len(p.Ops), func(from, to int) bool {
			q := *p
			q.Ops = slices.Delete(slices.Clone(p.Ops), from, to)
			return try(&q)
		}) || again
		again = drop(p.active(), func(from, to int) bool { return try(p.without(from, to)) }) || again
		again = drop(len(p.Targets), func(from, to int) bool {
			q := *p
			q.Targets = slices.Delete(slices.Clone(p.Targets), from, to)
			return try(&q)
		}) || again
		for _, kinder := range []func(q *Plan) bool{
			func(q *Plan) bool { q.Net.Loss = 0; return p.Net.Loss > 0 },
			func(q *Plan) bool { q.Net.Duplicate = 0; return p.Net.Duplicate > 0 },
			func(q *Plan) bool { q.Codec = false; return p.Codec },
			func(q *Plan) bool { q.Fickle = false; return p.Fickle },
			func(q *Plan) bool { q.Dead = nil; return len(p.Dead) > 0 },
		} {
			q := *p
			again = kinder(&q) && try(&q) || again
		}
	}
	return p, best
}

// drop tries to leave out parts of n things, from large to small, and reports whether it could.
func drop(n int, try func(from, to int) bool) (dropped bool) {
	for size := n; size >= 1; size /= 2 {
		for from := 0; from+size <= n; {
			if try(from, from+size) {
				n -= size
				dropped = true
			} else {
				from += size
			}
		}
	}
	return dropped
}

// active is how many clients are not left out.
func (p *Plan) active() int {
	n := 0
	for i := range p.Clients {
		if !p.Clients[i].Off {
			n++
		}
	}
	return n
}

// without leaves out the clients from and up to to, of those that are not left out yet.
func (p *Plan) without(from, to int) *Plan {
	q := *p
	q.Clients = slices.Clone(p.Clients)
	n := 0
	for i := range q.Clients {
		if q.Clients[i].Off {
			continue
		}
		q.Clients[i].Off = n >= from && n < to
		n++
	}
	return &q
}
