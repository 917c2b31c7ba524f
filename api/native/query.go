package native

import (
	"hash/fnv"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster"
)

// Bounds of a long poll.
const (
	defaultWait = 30 * time.Second
	maxWait     = 10 * time.Minute
)

// anyNamespace is the namespace of those who want services of all of them.
const anyNamespace = "*"

// query is what a client asks for in the query part of a URL.
type query struct {
	values url.Values // as given

	namespace string // anyNamespace is all of them, where that is accepted
	filter    filter
	near      bool
	failover  bool
	wan       bool
	limit     int // 0 is all
	offset    int

	since   muster.Index
	hasWait bool // since or wait is given
	wait    time.Duration
}

// given is a parameter as the client gave it, empty if it did not.
func (q *query) given(name string) string { return q.values.Get(name) }

// accepted is which parameters a path takes, and whether it takes * for a namespace.
type accepted struct {
	names         []string
	allNamespaces bool
}

// instanceFilters are the parameters that choose among instances, pollParameters those of an answer that can be waited
// for.
var (
	instanceFilters = []string{"namespace", "dc", "zone", "tag", "status", "healthy", "preserved"}
	pollParameters  = []string{"since", "wait", "limit", "offset"}
)

var (
	acceptNothing   = accepted{}
	acceptNamespace = accepted{names: []string{"namespace"}}
	acceptWAN       = accepted{names: []string{"wan"}}
	acceptSince     = accepted{names: []string{"since"}}
	acceptID        = accepted{names: []string{"id", "name", "namespace"}}
	acceptList      = accepted{names: slices.Concat(instanceFilters, pollParameters), allNamespaces: true}
	acceptService   = accepted{names: slices.Concat(instanceFilters, []string{"near", "failover"}, pollParameters)}
	acceptWatch     = accepted{names: slices.Concat([]string{"service", "since"}, instanceFilters)}
	acceptShortList = accepted{names: slices.Concat([]string{"name"}, acceptList.names), allNamespaces: true}
	acceptShortName = accepted{names: slices.Concat([]string{"name"}, acceptService.names)}
)

// parameters says how each parameter is read. The result completes a sentence that says what is wrong, empty if nothing.
var parameters = map[string]func(q *query, value string) (problem string){
	"namespace": func(q *query, v string) string { q.namespace = v; return notEmpty(v) },
	"dc":        func(q *query, v string) string { q.filter.dc = v; return notEmpty(v) },
	"zone":      func(q *query, v string) string { q.filter.zone, q.filter.byZone = v, true; return "" },
	"tag":       func(q *query, v string) string { q.filter.tags = append(q.filter.tags, v); return notEmpty(v) },
	"status": func(q *query, v string) string {
		status, err := muster.ParseStatus(v)
		q.filter.status = status
		if err != nil {
			return "must be one of UP, DOWN, STARTING, OUT_OF_SERVICE and UNKNOWN, not " + strconv.Quote(v)
		}
		return ""
	},
	"healthy": func(q *query, v string) string { return readBool(&q.filter.healthy, v) },
	"preserved": func(q *query, v string) string {
		q.filter.noPreserved = v == "exclude"
		return oneOf(v, "exclude", "include")
	},
	"near":     func(q *query, v string) string { return readBool(&q.near, v) },
	"failover": func(q *query, v string) string { q.failover = true; return oneOf(v, "near") },
	"wan":      func(q *query, v string) string { return readBool(&q.wan, v) },
	"limit":    func(q *query, v string) string { return readCount(&q.limit, v, 1) },
	"offset":   func(q *query, v string) string { return readCount(&q.offset, v, 0) },
	"since": func(q *query, v string) string {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			return "must be an index as an answer gave it, not " + strconv.Quote(v)
		}
		q.since, q.hasWait = muster.Index(n), true
		return ""
	},
	"wait": func(q *query, v string) string {
		d, err := time.ParseDuration(v)
		if err != nil || d < 0 {
			return `must be a duration such as "30s", not ` + strconv.Quote(v)
		}
		q.wait, q.hasWait = min(d, maxWait), true
		return ""
	},
	"id":      func(_ *query, v string) string { return notEmpty(v) },
	"name":    func(_ *query, v string) string { return notEmpty(v) },
	"service": func(_ *query, v string) string { return notEmpty(v) },
}

// parseQuery reads the query of a request that takes the given parameters, and no others: one that is misspelt and
// ignored would pass for a filter that matches everything. The error is a *Problem that names all that are at fault.
func parseQuery(r *http.Request, takes accepted) (query, error) {
	if r.URL.RawQuery == "" {
		return query{namespace: muster.DefaultNamespace, wait: defaultWait}, nil
	}
	return parseGiven(r, takes)
}

func parseGiven(r *http.Request, takes accepted) (query, error) {
	q := query{namespace: muster.DefaultNamespace, wait: defaultWait}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, newProblem(codeParameter, "the query cannot be read: "+err.Error())
	}
	q.values = values
	var bad []Field
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(takes.names, name) {
			bad = append(bad, Field{name, "is not a parameter of this path, which takes " + orNone(takes.names)})
			continue
		}
		if len(values[name]) > 1 && name != "tag" {
			bad = append(bad, Field{name, "must be given once"})
			continue
		}
		for _, v := range values[name] {
			if problem := parameters[name](&q, v); problem != "" {
				bad = append(bad, Field{name, problem})
			}
		}
	}
	if q.namespace == anyNamespace && !takes.allNamespaces {
		bad = append(bad, Field{"namespace", "must be one namespace: this path does not take *"})
	}
	if q.failover && q.filter.dc == anyDatacenter {
		bad = append(bad, Field{"failover", "has no meaning with dc=*, which gives all data centres already"})
	}
	if len(bad) > 0 {
		return q, parameterProblem(bad...)
	}
	return q, nil
}

// tag tells the answers to different queries apart, in an entity tag; empty for a query without choices. When and how
// long the client waits do not matter.
func (q *query) tag() string {
	h := fnv.New32a()
	choices := false
	for _, name := range slices.Sorted(maps.Keys(q.values)) {
		if name == "since" || name == "wait" {
			continue
		}
		choices = true
		for _, v := range q.values[name] {
			_, _ = h.Write([]byte(name + "=" + strconv.Quote(v) + "&")) // a hash never fails
		}
	}
	if !choices {
		return ""
	}
	return "-" + strconv.FormatUint(uint64(h.Sum32()), 36)
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func notEmpty(v string) string {
	if v == "" {
		return "must not be empty"
	}
	return ""
}

func oneOf(v string, values ...string) string {
	if !slices.Contains(values, v) {
		return "must be " + strings.Join(values, " or ") + ", not " + strconv.Quote(v)
	}
	return ""
}

func readBool(to *bool, v string) string {
	*to = v == "true"
	return oneOf(v, "true", "false")
}

func readCount(to *int, v string, least int) string {
	n, err := strconv.Atoi(v)
	if err != nil || n < least {
		return "must be a whole number from " + strconv.Itoa(least) + ", not " + strconv.Quote(v)
	}
	*to = n
	return ""
}
