package catalog

// Since is what changed from an older view of the same service to v, in the order of ids: for a watcher of one service
// that has missed more than the catalog's history holds. It cannot say why an instance is gone. The cost is that of the
// chunks which the two do not share.
func (v *View) Since(old *View) []Change {
	var out []Change
	a, b := cursor{v: old}, cursor{v: v}
	for {
		a.skipShared(&b)
		x, y := a.instance(), b.instance()
		switch {
		case x == nil && y == nil:
			return out
		case y == nil || x != nil && x.ID < y.ID:
			out = append(out, Change{Key: x.Key(), Index: v.index, Old: x, Cause: CauseAbsent})
			a.next()
		case x == nil || y.ID < x.ID:
			out = append(out, Change{Key: y.Key(), Index: b.index(), New: y})
			b.next()
		default:
			if x != y {
				out = append(out, Change{Key: y.Key(), Index: b.index(), Old: x, New: y})
			}
			a.next()
			b.next()
		}
	}
}

// cursor is a place in a view.
type cursor struct {
	v          *View
	chunk, pos int
}

// skipShared steps over chunks that both views have, while both stand at the beginning of one.
func (c *cursor) skipShared(d *cursor) {
	for c.pos == 0 && d.pos == 0 && c.chunk < len(c.v.chunks) && d.chunk < len(d.v.chunks) &&
		c.v.chunks[c.chunk] == d.v.chunks[d.chunk] {
		c.chunk++
		d.chunk++
	}
}

func (c *cursor) instance() *Instance {
	if c.chunk == len(c.v.chunks) {
		return nil
	}
	return c.v.chunks[c.chunk].inst[c.pos]
}

func (c *cursor) index() Index { return c.v.chunks[c.chunk].index[c.pos] }

func (c *cursor) next() {
	if c.pos++; c.pos == len(c.v.chunks[c.chunk].inst) {
		c.chunk, c.pos = c.chunk+1, 0
	}
}
