package api

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strconv"
	"sync/atomic"
)

const headerRequestID = "X-Request-Id"

// requestIDs makes ids that no other handler makes, nor an earlier life of this one: a random prefix and a count.
type requestIDs struct {
	prefix string
	count  atomic.Uint64
}

func newRequestIDs() *requestIDs {
	var random [6]byte
	_, _ = rand.Read(random[:]) // never fails
	return &requestIDs{prefix: hex.EncodeToString(random[:]) + "-"}
}

// of is the id of a request, as a header value: its own if it has one that cannot garble a log, else a new one.
func (ids *requestIDs) of(r *http.Request) []string {
	if own := r.Header[headerRequestID]; len(own) == 1 && harmless(own[0]) {
		return own
	}
	b := append(make([]byte, 0, 32), ids.prefix...)
	return []string{string(strconv.AppendUint(b, ids.count.Add(1), 36))}
}

// harmless reports whether id is 1 to 128 visible ASCII characters.
func harmless(id string) bool {
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return id != "" && len(id) <= 128
}
