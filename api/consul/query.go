package consul

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster"
)

// Bounds of a blocking query, as Consul has them.
const (
	defaultWait = 300 * time.Second
	maxWait     = 600 * time.Second
)

// query is what a client asks for in the query part of a URL.
type query struct {
	values url.Values
	dc     string // never empty
	index  muster.Index
	wait   time.Duration // 0 < wait <= maxWait
	pretty bool
}

func (q *query) flag(name string) bool { return q.values.Has(name) }

var noValues = url.Values{}

// readQuery reads what all endpoints have in common.
func (a *API) readQuery(r *http.Request) (query, error) {
	q := query{values: noValues, dc: a.dc, wait: defaultWait}
	for _, name := range [...]string{"X-Consul-Namespace", "X-Consul-Partition"} {
		if r.Header.Get(name) != "" {
			return q, enterprise(strings.ToLower(name))
		}
	}
	if r.URL.RawQuery == "" {
		return q, nil
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, badRequest("Invalid query: " + err.Error())
	}
	q.values = values
	q.pretty = values.Has("pretty")
	for _, name := range [...]string{"ns", "partition"} {
		if values.Get(name) != "" {
			return q, enterprise(name)
		}
	}
	for _, name := range [...]string{"dc", "datacenter"} {
		if dc := values.Get(name); dc != "" {
			q.dc = dc
		}
	}
	stale := values.Has("stale") || values.Has("max_stale")
	switch {
	case stale && values.Has("consistent"):
		return q, badRequest("Cannot specify ?stale with ?consistent, conflicting semantics.")
	case values.Has("cached") && values.Has("consistent"):
		return q, badRequest("Cannot specify ?cached with ?consistent, conflicting semantics.")
	case values.Has("cached") && !goodCacheControl(r.Header.Get("Cache-Control")):
		return q, badRequest("Invalid Cache-Control header.")
	}
	return q, q.readWait()
}

func (q *query) readWait() error {
	if text := q.values.Get("index"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return badRequest("Invalid index")
		}
		q.index = muster.Index(n)
	}
	if text := q.values.Get("wait"); text != "" {
		wait, err := time.ParseDuration(text)
		if err != nil {
			return badRequest("Invalid wait time")
		}
		if wait > 0 {
			q.wait = min(wait, maxWait)
		}
	}
	return nil
}

func enterprise(name string) error {
	kind := "Namespaces are"
	if strings.Contains(name, "partition") {
		kind = "Partitions are"
	}
	return badRequest(`Invalid query parameter: "` + name + `" - ` + kind + ` a Consul Enterprise feature`)
}

// goodCacheControl reports whether the numbers of a header are numbers.
func goodCacheControl(header string) bool {
	for part := range strings.SplitSeq(strings.ToLower(header), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if name != "max-age" && name != "stale-if-error" {
			continue
		}
		if _, err := strconv.ParseUint(value, 10, 32); err != nil {
			return false
		}
	}
	return true
}

// passing is whether only those are asked for whose checks all pass.
func (q *query) passing() (bool, error) {
	if !q.flag("passing") {
		return false, nil
	}
	text := q.values.Get("passing")
	if text == "" {
		return true, nil
	}
	yes, err := strconv.ParseBool(text)
	if err != nil {
		return false, badRequest("Invalid value for ?passing")
	}
	return yes, nil
}

// choice is which instances are asked for, beyond their health. Nil is all of them.
type choice struct {
	tags     []string
	nodeMeta [][2]string
}

func (q *query) choice() *choice {
	var c choice
	for _, tag := range q.values["tag"] {
		if tag != "" {
			c.tags = append(c.tags, tag)
		}
	}
	for _, pair := range q.values["node-meta"] {
		key, value, _ := strings.Cut(pair, ":")
		c.nodeMeta = append(c.nodeMeta, [2]string{key, value})
	}
	if c.tags == nil && c.nodeMeta == nil {
		return nil
	}
	return &c
}

// accepts reports whether an instance has all tags, in whatever case, and its node all metadata.
func (c *choice) accepts(inst *muster.Instance, b *nodeBlock) bool {
	if c == nil {
		return true
	}
	for _, tag := range c.tags {
		if !hasTag(inst.Tags, tag) {
			return false
		}
	}
	return c.acceptsNode(b)
}

func (c *choice) acceptsNode(b *nodeBlock) bool {
	if c == nil {
		return true
	}
	for _, pair := range c.nodeMeta {
		if value, ok := b.Meta[pair[0]]; !ok || value != pair[1] {
			return false
		}
	}
	return true
}

func hasTag(tags []string, tag string) bool {
	for _, t := range tags {
		if strings.EqualFold(t, tag) {
			return true
		}
	}
	return false
}
