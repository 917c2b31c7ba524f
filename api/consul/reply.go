package consul

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/musterhq/muster"
)

var (
	jsonType      = []string{"application/json"}
	jsonTypeEmpty = []string{"application/json; charset=utf-8"}
	zeroValue     = []string{"0"}
	trueValue     = []string{"true"}
	hitValue      = []string{"HIT"}
	backend       = []string{"blocking-query"}
	consistencies = map[string][]string{"leader": {"leader"}, "stale": {"stale"}, "consistent": {"consistent"}}
)

// meta says from which state an answer is, as clients of catalog, health and the like expect it. Any node of Muster
// answers from its own memory: there is always a leader, and nobody was contacted longer ago.
func (c *call) meta(index muster.Index) {
	h := c.w.Header()
	h["X-Consul-Index"] = []string{strconv.FormatUint(max(uint64(index), 1), 10)}
	h["X-Consul-Knownleader"] = trueValue
	h["X-Consul-Lastcontact"] = zeroValue
	h["X-Consul-Query-Backend"] = backend
	consistency := "leader"
	if c.values != nil {
		switch {
		case c.flag("stale") || c.flag("max_stale"):
			consistency = "stale"
		case c.flag("consistent"):
			consistency = "consistent"
		}
		if c.flag("cached") {
			h["X-Cache"], h["Age"] = hitValue, zeroValue
		}
	}
	h["X-Consul-Effective-Consistency"] = consistencies[consistency]
}

// done answers 200 with nothing.
func (c *call) done() error {
	h := c.w.Header()
	h["Content-Type"], h["Content-Length"] = jsonTypeEmpty, zeroValue
	c.w.WriteHeader(http.StatusOK)
	return nil
}

// answer answers with a value.
func (c *call) answer(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, b)
}

// send answers with JSON.
func (c *call) send(status int, body []byte) error {
	if c.pretty {
		var out bytes.Buffer
		if json.Indent(&out, body, "", "    ") == nil {
			body = out.Bytes()
		}
	}
	h := c.w.Header()
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // A client that is gone needs no answer.
	return nil
}

// sendAll answers with an array of what is encoded already.
func (c *call) sendAll(parts [][]byte) error {
	size := 2 + max(len(parts)-1, 0)
	for _, p := range parts {
		size += len(p)
	}
	if c.pretty || size <= small {
		return c.send(http.StatusOK, join(parts, size))
	}
	h := c.w.Header()
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(size)}
	c.w.WriteHeader(http.StatusOK)
	next := opening
	for _, p := range parts {
		_, _ = c.w.Write(next)
		next = comma
		_, _ = c.w.Write(p) // A client that is gone needs no answer.
	}
	_, _ = c.w.Write(closing)
	return nil
}

// small is up to which size an answer is put together before it is written, in bytes.
const small = 16 << 10

var opening, comma, closing = []byte{'['}, []byte{','}, []byte{']'}

func join(parts [][]byte, size int) []byte {
	b := append(make([]byte, 0, size), '[')
	for i, p := range parts {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, p...)
	}
	return append(b, ']')
}
