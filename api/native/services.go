package native

import (
	"encoding/binary"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/musterhq/muster"
)

// The slots of muster.View.Memo that are this package's.
const (
	slotService = 0 // preserved count (4 bytes, big-endian), then the answer to GET /services/{service} without filters
	slotRow     = 1 // the service's row in GET /services; empty if it has no instances in this data centre
)

// listServices answers with the services that have instances which the query chooses.
func (a *API) listServices(w http.ResponseWriter, r *http.Request) error {
	q, err := parseQuery(r, acceptList)
	if err != nil {
		return err
	}
	return a.answerServices(w, r, &q)
}

func (a *API) answerServices(w http.ResponseWriter, r *http.Request, q *query) error {
	var all *muster.Overview
	look := func() (bool, <-chan struct{}) {
		changed := a.node.Changed() // before the look, or a change between the two would be slept through
		all = a.node.Services()
		return a.stale(r, q, all.Index, a.etagOf(all.Index, q)), changed
	}
	if q.hasWait {
		if err := a.await(r.Context(), w, q.wait, look); err != nil {
			return err
		}
	} else {
		all = a.node.Services()
	}
	if a.unchanged(w, r, all.Index, q) {
		return nil
	}
	return writeJSON(w, http.StatusOK, a.appendServices(nil, all, q))
}

func (a *API) appendServices(b []byte, all *muster.Overview, q *query) []byte {
	rows := make([][]byte, 0, len(all.Services))
	for _, view := range all.Services {
		if q.namespace != anyNamespace && view.Namespace() != q.namespace {
			continue
		}
		var row []byte
		if q.filter.local() {
			row = view.Memo(slotRow, a.encodeRow)
		} else {
			row = a.row(view, &q.filter)
		}
		if len(row) > 0 {
			rows = append(rows, row)
		}
	}
	b = append(b, `{"index":`...)
	b = strconv.AppendUint(b, uint64(all.Index), 10)
	b = q.appendTotal(b, len(rows))
	b = append(b, `,"services":[`...)
	first, end := q.page(len(rows))
	for i, row := range rows[first:end] {
		b = append(appendComma(b, i), row...)
	}
	return append(b, "]}\n"...)
}

func (a *API) memoRow(view *muster.View) []byte { return a.row(view, &filter{}) }

// row is a service in the list of services; empty if f chooses none of its instances.
func (a *API) row(view *muster.View, f *filter) []byte {
	instances, up := 0, 0
	for _, inst := range view.Instances() {
		if f.matches(inst, a.dc) {
			instances++
			if inst.Healthy() {
				up++
			}
		}
	}
	if instances == 0 {
		return []byte{}
	}
	b := append([]byte(nil), `{"namespace":`...)
	b = appendString(b, view.Namespace())
	b = appendMember(b, "service", view.Service())
	b = append(b, `,"instances":`...)
	b = strconv.AppendInt(b, int64(instances), 10)
	b = append(b, `,"up":`...)
	return append(strconv.AppendInt(b, int64(up), 10), '}')
}

// getService answers with the instances of a service that the query chooses; none is an answer too.
func (a *API) getService(w http.ResponseWriter, r *http.Request) error {
	q, err := parseQuery(r, acceptService)
	if err != nil {
		return err
	}
	return a.answerService(w, r, &q, r.PathValue("service"))
}

func (a *API) answerService(w http.ResponseWriter, r *http.Request, q *query, service string) error {
	view := a.node.Find(q.namespace, service)
	if q.hasWait {
		err := a.await(r.Context(), w, q.wait, func() (bool, <-chan struct{}) {
			next := a.node.Find(q.namespace, service)
			// While a service has no instances its view may be replaced for reasons that do not concern it.
			unchanged := view != next && view.Len() == 0 && next.Len() == 0
			view = next
			return !unchanged && a.stale(r, q, view.Index(), a.etagOf(view.Index(), q)), view.Changed()
		})
		if err != nil {
			return err
		}
	}
	if a.unchanged(w, r, view.Index(), q) {
		return nil
	}
	if q.plain() && view.Len() > 0 {
		memo := view.Memo(slotService, a.encodeService)
		setPreserved(w.Header(), int(binary.BigEndian.Uint32(memo)))
		return writeJSON(w, http.StatusOK, memo[4:])
	}
	chosen, failover := a.choose(view, q)
	if failover != "" {
		w.Header()[headerFailover] = []string{failover}
	}
	first, end := q.page(len(chosen))
	setPreserved(w.Header(), preserved(chosen[first:end]))
	b := append([]byte(nil), `{"index":`...)
	b = strconv.AppendUint(b, uint64(view.Index()), 10)
	b = q.appendTotal(b, len(chosen))
	b = appendFound(appendMember(b, "service", service), chosen[first:end])
	return writeJSON(w, http.StatusOK, append(b, "}\n"...))
}

// memoService is what a view keeps in its slot: see the slot.
func (a *API) memoService(view *muster.View) []byte {
	chosen, _ := a.choose(view, &query{})
	b := binary.BigEndian.AppendUint32(nil, uint32(preserved(chosen)))
	b = append(b, `{"index":`...)
	b = strconv.AppendUint(b, uint64(view.Index()), 10)
	b = appendFound(appendMember(b, "service", view.Service()), chosen)
	return append(b, "}\n"...)
}

// plain reports whether q asks for what a view keeps encoded.
func (q *query) plain() bool {
	return q.filter.local() && !q.near && !q.failover && q.limit == 0 && q.offset == 0
}

// appendTotal says how many items there are in all, to those who page.
func (q *query) appendTotal(b []byte, n int) []byte {
	if q.limit == 0 && q.offset == 0 {
		return b
	}
	return strconv.AppendInt(append(b, `,"total":`...), int64(n), 10)
}

func appendFound(b []byte, instances []found) []byte {
	b = append(b, `,"instances":[`...)
	for i, f := range instances {
		b = appendInstance(appendComma(b, i), f.Instance, f.LastRenewal, f.index)
	}
	return append(b, ']')
}

func preserved(instances []found) (n int) {
	for _, f := range instances {
		if f.Preserved {
			n++
		}
	}
	return n
}

// getInstance answers with one instance and what this node knows of its lease.
func (a *API) getInstance(w http.ResponseWriter, r *http.Request) error {
	q, err := parseQuery(r, acceptNamespace)
	if err != nil {
		return err
	}
	key := keyOf(r, &q)
	detail, err := a.node.Detail(key)
	if err != nil {
		return about(err, key)
	}
	return a.answerInstance(w, http.StatusOK, detail)
}

// answerInstance answers with one instance.
func (a *API) answerInstance(w http.ResponseWriter, status int, d muster.InstanceDetail) error {
	last := d.LastRenewal
	if last.IsZero() {
		last = d.Instance.LastRenewal
	}
	if d.Preserved {
		setPreserved(w.Header(), 1)
	}
	a.setIndex(w.Header(), max(d.Index, a.node.Index()))
	b := bodies.Get().(*[]byte) //nolint:errcheck,forcetypeassert // There is nothing else in it.
	defer bodies.Put(b)
	*b = appendInstance((*b)[:0], d.Instance, last, d.Index)
	if d.Evidence != "" {
		*b = append((*b)[:len(*b)-1], `,"evidence":`...)
		*b = append(appendString(*b, d.Evidence), '}')
	}
	*b = append(*b, '\n')
	return writeJSON(w, status, *b)
}

// bodies are buffers for answers that are written once. What is written is copied before Write returns.
var bodies = sync.Pool{New: func() any {
	b := make([]byte, 0, 1<<10)
	return &b
}}

// etagOf is the entity tag of the answer to q that reflects index. The index holds the life of the node in its low bits.
func (a *API) etagOf(index muster.Index, q *query) string {
	b := append(make([]byte, 0, 40), '"')
	b = strconv.AppendUint(b, uint64(index), 36)
	b = append(append(b, '-'), a.etag...)
	b = append(b, q.tag()...)
	return string(append(b, '"'))
}

// unchanged sets the headers of an answer that reflects index, and answers 304 if the client holds it already.
func (a *API) unchanged(w http.ResponseWriter, r *http.Request, index muster.Index, q *query) bool {
	h := w.Header()
	a.setIndex(h, index)
	etag := a.etagOf(index, q)
	h[headerETag], h[headerCache] = []string{etag}, noCacheValue
	if !matches(r, etag) {
		return false
	}
	w.WriteHeader(http.StatusNotModified)
	return true
}

// matches reports whether the client holds the answer with that entity tag. As RFC 9110 has it for If-None-Match, the
// comparison is a weak one, and * matches anything.
func matches(r *http.Request, etag string) bool {
	for _, held := range r.Header["If-None-Match"] {
		for one := range strings.SplitSeq(held, ",") {
			if one = strings.TrimPrefix(strings.TrimSpace(one), "W/"); one == etag || one == "*" {
				return true
			}
		}
	}
	return false
}
