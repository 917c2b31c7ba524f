package eureka

// listing writes a choice of instances as the registry is written: applications of those that follow each other.
type listing struct {
	form form
	body []byte
	last string
	n    int
}

func newListing(f form) *listing { return &listing{form: f} }

// add appends an instance in the listing's form. Those of an application have to come together.
func (l *listing) add(app string, fragment []byte) {
	l.body = l.form.appendBetween(l.body, l.last, app)
	l.body = append(l.body, fragment...)
	l.last = app
	l.n++
}

// answer ends the listing.
func (l *listing) answer(version, hash string) *pieces {
	if l.n > 0 {
		l.body = l.form.appendAppClose(l.body)
	}
	b := l.form.appendHead(make([]byte, 0, len(l.body)+256), version, hash, l.n == 0)
	p := &pieces{}
	p.add(l.form.appendTail(append(b, l.body...)))
	return p
}
