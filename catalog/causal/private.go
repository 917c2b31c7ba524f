package causal

import "strconv"

// private marks the incarnation of an origin whose writes stay in the data centre of its node. Incarnations count
// milliseconds, and do not come near it.
const private uint64 = 1 << 63

// Private is the node's second origin of the same life: the writer of what is for its own data centre alone. It has
// sequences of its own, so that whoever is not to have these writes has no gap where they are, and covers none of them:
// what is covered and absent counts as deleted.
func (o Origin) Private() Origin {
	o.Incarnation |= private
	return o
}

// IsPrivate reports whether o is such an origin.
func (o Origin) IsPrivate() bool { return o.Incarnation&private != 0 }

// Life is the incarnation without the mark: the same for both origins of one life of a node.
func (o Origin) Life() uint64 { return o.Incarnation &^ private }

// String is "node@incarnation", and "+private" behind that of a private origin; for people.
func (o Origin) String() string {
	s := o.Node + "@" + strconv.FormatUint(o.Life(), 10)
	if o.IsPrivate() {
		s += "+private"
	}
	return s
}

// HasPrivate reports whether v covers anything of a private origin.
func (v *Vector) HasPrivate() bool {
	for o := range v.seen {
		if o.IsPrivate() {
			return true
		}
	}
	return false
}

// Public is v without its private origins: v itself if it has none, else a copy. Read it before the next change of v.
func (v *Vector) Public() *Vector {
	if !v.HasPrivate() {
		return v
	}
	p := v.Clone()
	for o := range v.seen {
		if o.IsPrivate() {
			p.Drop(o)
		}
	}
	return p
}

// PublicHash is the Hash of Public, without a copy.
func (v *Vector) PublicHash() uint64 {
	h := v.Hash()
	for o, s := range v.seen {
		if o.IsPrivate() {
			h -= s.hash // Hash has brought it up to date.
		}
	}
	return h
}
