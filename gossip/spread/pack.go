package spread

// pack lays frames out in messages of at most limit bytes, in order, and splits frames where it must. A delta that
// exceeds the limit by itself becomes a message of its own, which then is larger than limit.
func pack(frames []Frame, limit int) []Push {
	p := packer{limit: limit}
	for _, f := range frames {
		p.frame(f)
	}
	p.flush()
	return p.out
}

type packer struct {
	limit int
	used  int
	open  []Frame
	out   []Push
}

func (p *packer) frame(f Frame) {
	head := frameHeadSize(f) + maxCountSize
	start, prev := 0, uint64(0)
	cut := func(end int) {
		if start < end {
			part := f
			part.Deltas = f.Deltas[start:end:end]
			p.open = append(p.open, part)
		}
		start = end
	}
	for i, d := range f.Deltas {
		cost := deltaSize(d, prev)
		if i == start {
			cost += head
		}
		if p.used > 0 && p.used+cost > p.limit {
			cut(i)
			p.flush()
			cost = head + deltaSize(d, 0)
		}
		if p.used == 0 {
			p.used = headerSize + maxCountSize
		}
		p.used += cost
		prev = d.Seq
	}
	cut(len(f.Deltas))
}

func (p *packer) flush() {
	if len(p.open) > 0 {
		p.out = append(p.out, Push{p.open})
	}
	p.open, p.used = nil, 0
}

// packSpans lays spans out in lists whose message is at most limit bytes.
func packSpans(spans []Span, limit int) [][]Span {
	var out [][]Span
	start, used := 0, headerSize+maxCountSize
	for i, s := range spans {
		cost := spanSize(s)
		if i > start && used+cost > limit {
			out = append(out, spans[start:i:i])
			start, used = i, headerSize+maxCountSize
		}
		used += cost
	}
	if start < len(spans) {
		out = append(out, spans[start:])
	}
	return out
}
