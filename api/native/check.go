package native

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster"
)

// check is the health check that a member of "checks" describes.
func (d *decoder) check(field string, raw string) (c muster.Check) {
	d.object(field, raw, func(name string, raw string) {
		at := field + "." + name
		switch name {
		case "id":
			c.ID = d.string(at, raw)
		case "name":
			c.Name = d.string(at, raw)
		case "notes":
			c.Notes = d.string(at, raw)
		case "ttl":
			if c.TTL = d.duration(at, raw); c.TTL == 0 && !d.faulty(at) {
				d.bad(at, "must be 1ms to 24h, not 0")
			}
		case "http":
			c.HTTP = d.string(at, raw)
		case "tcp":
			c.TCP = d.string(at, raw)
		case "grpc":
			c.GRPC = d.string(at, raw)
		case "script":
			c.Script = kept(d.texts(at, raw))
		case "alias":
			c.Alias = d.string(at, raw)
		case "method":
			c.Method = d.string(at, raw)
		case "body":
			c.Body = d.string(at, raw)
		case "header":
			c.Header = map[string][]string{}
			d.object(at, raw, func(name string, raw string) { c.Header[strings.Clone(name)] = kept(d.texts(at+"."+name, raw)) })
		case "noRedirect":
			c.NoRedirect = d.bool(at, raw)
		case "tls":
			c.TLS = d.bool(at, raw)
		case "tlsServerName":
			c.TLSServerName = d.string(at, raw)
		case "tlsSkipVerify":
			c.TLSSkipVerify = d.bool(at, raw)
		case "interval":
			c.Interval = d.duration(at, raw)
		case "timeout":
			c.Timeout = d.duration(at, raw)
		case "successBeforePassing":
			c.SuccessBeforePassing = d.int(at, raw)
		case "failuresBeforeWarning":
			c.FailuresBeforeWarning = d.int(at, raw)
		case "failuresBeforeCritical":
			c.FailuresBeforeCritical = d.int(at, raw)
		case "deregisterAfter":
			c.DeregisterAfter = d.duration(at, raw)
		case "outputMax":
			c.OutputMax = d.int(at, raw)
		case "initial":
			c.Initial = d.checkStatus(at, raw)
		default:
			d.bad(at, "is not a field of a check")
		}
	})
	return c
}

// kept makes texts the instance's own.
func kept(texts []string) []string {
	for i, s := range texts {
		texts[i] = strings.Clone(s)
	}
	return texts
}

func (d *decoder) checkStatus(field string, raw string) muster.CheckStatus {
	name := d.string(field, raw)
	status, err := muster.ParseCheckStatus(name)
	if err != nil && typeName(raw) == "a string" {
		d.bad(field, "must be one of passing, warning and critical, not %q", name)
	}
	return status
}

// appendCheck appends a check's definition. What is empty is left out.
func appendCheck(b []byte, c *muster.Check) []byte {
	b = appendString(append(b, `{"id":`...), c.ID)
	b = appendOptional(b, "name", c.Name)
	b = appendOptional(b, "notes", c.Notes)
	b = appendDuration(b, "ttl", c.TTL)
	b = appendOptional(b, "http", c.HTTP)
	b = appendOptional(b, "tcp", c.TCP)
	b = appendOptional(b, "grpc", c.GRPC)
	b = appendList(b, "script", c.Script)
	b = appendOptional(b, "alias", c.Alias)
	b = appendOptional(b, "method", c.Method)
	b = appendOptional(b, "body", c.Body)
	if len(c.Header) > 0 {
		b = append(b, `,"header":{`...)
		for i, name := range slices.Sorted(maps.Keys(c.Header)) {
			b = append(appendString(appendComma(b, i), name), ':')
			b = appendItems(b, c.Header[name])
		}
		b = append(b, '}')
	}
	b = appendFlag(b, "noRedirect", c.NoRedirect)
	b = appendFlag(b, "tls", c.TLS)
	b = appendOptional(b, "tlsServerName", c.TLSServerName)
	b = appendFlag(b, "tlsSkipVerify", c.TLSSkipVerify)
	b = appendDuration(b, "interval", c.Interval)
	b = appendDuration(b, "timeout", c.Timeout)
	b = appendNumber(b, "successBeforePassing", c.SuccessBeforePassing)
	b = appendNumber(b, "failuresBeforeWarning", c.FailuresBeforeWarning)
	b = appendNumber(b, "failuresBeforeCritical", c.FailuresBeforeCritical)
	b = appendDuration(b, "deregisterAfter", c.DeregisterAfter)
	b = appendNumber(b, "outputMax", c.OutputMax)
	return append(appendOptional(b, "initial", c.Initial.String()), '}')
}

// appendResults appends what the checks have found, unless there are none.
func appendResults(b []byte, results []muster.CheckResult) []byte {
	if len(results) == 0 {
		return b
	}
	b = append(b, `,"results":[`...)
	for i := range results {
		r := &results[i]
		b = appendString(append(appendComma(b, i), `{"id":`...), r.ID)
		b = appendMember(b, "status", r.Status.String())
		b = appendOptional(b, "output", r.Output)
		b = append(appendTime(b, "since", r.Since), '}')
	}
	return append(b, ']')
}

func appendDuration(b []byte, name string, d time.Duration) []byte {
	if d == 0 {
		return b
	}
	return appendMember(b, name, d.String())
}

func appendNumber(b []byte, name string, n int) []byte {
	if n == 0 {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendInt(b, int64(n), 10)
}

func appendFlag(b []byte, name string, set bool) []byte {
	if !set {
		return b
	}
	return append(append(append(b, `,"`...), name...), `":true`...)
}

func appendList(b []byte, name string, items []string) []byte {
	if len(items) == 0 {
		return b
	}
	return appendItems(append(append(append(b, `,"`...), name...), `":`...), items)
}

func appendItems(b []byte, items []string) []byte {
	b = append(b, '[')
	for i, item := range items {
		b = appendString(appendComma(b, i), item)
	}
	return append(b, ']')
}

// report takes a client's word about one of its TTL checks.
func (a *API) report(w http.ResponseWriter, r *http.Request) error {
	q, err := parseQuery(r, acceptNamespace)
	if err != nil {
		return err
	}
	body, err := a.object(w, r)
	if err != nil {
		return err
	}
	status, output, err := decodeReport(body)
	if err != nil {
		return err
	}
	key, check := keyOf(r, &q), r.PathValue("check")
	err = a.node.Report(r.Context(), key, check, status, output)
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
		return nil
	case errors.Is(err, muster.ErrNotTTL):
		return newProblem(codeNotTTL, fmt.Sprintf("a node runs the check %q of %q by itself", check, key.ID))
	case errors.Is(err, muster.ErrNotFound):
		if inst, _ := a.node.Find(key.Namespace, key.Service).Instance(key.ID); inst != nil {
			return newProblem(codeNoCheck, fmt.Sprintf("the instance %q of service %q has no check %q", key.ID, key.Service, check))
		}
		return about(err, key)
	default:
		return err
	}
}

func decodeReport(body string) (status muster.CheckStatus, output string, err error) {
	var d decoder
	each(body, func(name string, raw string) {
		switch name {
		case "status":
			status = d.checkStatus(name, raw)
		case "output":
			output = d.string(name, raw)
		default:
			d.bad(name, "is not a field of a check's report")
		}
	})
	if status == muster.CheckNone && !d.faulty("status") {
		d.bad("status", "is required")
	}
	return status, output, d.err()
}
