package native

import (
	"hash/fnv"
	"net/http"
	"strconv"

	"github.com/musterhq/muster"
)

// Header names in the form that http.Header keeps them, so that they can be set without a conversion.
const (
	headerNode       = "Muster-Node"
	headerDatacenter = "Muster-Datacenter"
	headerIndex      = "Muster-Index"
	headerPreserved  = "Muster-Preserved"
	headerFailover   = "Muster-Failover"
	headerETag       = "Etag"
	headerRequestID  = "X-Request-Id"
	headerType       = "Content-Type"
	headerCache      = "Cache-Control"
)

var (
	jsonValue    = []string{"application/json"}
	noCacheValue = []string{"no-cache"}
)

type indexValue struct {
	index muster.Index
	value []string
}

// identify says who answers, and from which state: the node's latest, until setIndex knows better. The text of the latest
// index is kept, since most answers share it.
func (a *API) identify(h http.Header) {
	h[headerNode], h[headerDatacenter] = a.nodeValue, a.dcValue
	v, i := a.indexValue.Load(), a.node.Index()
	if v == nil || v.index != i {
		v = &indexValue{i, indexText(i)}
		a.indexValue.Store(v)
	}
	h[headerIndex] = v.value
}

// setIndex says which state the answer reflects.
func (a *API) setIndex(h http.Header, i muster.Index) {
	if v := a.indexValue.Load(); v != nil && v.index == i {
		h[headerIndex] = v.value
		return
	}
	h[headerIndex] = indexText(i)
}

func indexText(i muster.Index) []string { return []string{strconv.FormatUint(uint64(i), 10)} }

func setPreserved(h http.Header, n int) {
	if n > 0 {
		h[headerPreserved] = []string{strconv.Itoa(n)}
	}
}

// nodeTag is a short hash of a node's identity, for entity tags.
func nodeTag(dc, name string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(dc + "/" + name)) // a hash never fails
	return strconv.FormatUint(uint64(h.Sum32()), 36)
}

// writeJSON answers with body, which is JSON and ends with a line break.
func writeJSON(w http.ResponseWriter, status int, body []byte) error {
	h := w.Header()
	h[headerType] = jsonValue
	if len(body) > 2048 { // shorter ones net/http counts itself
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // JSON, and declared as nothing else; a client that is gone needs no answer
	return nil
}
