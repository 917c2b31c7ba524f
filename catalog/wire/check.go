package wire

import (
	"time"

	"github.com/musterhq/muster/catalog"
)

// Flags of a check.
const (
	flagNoRedirect = 1 << 0
	flagTLS        = 1 << 1
	flagSkipVerify = 1 << 2
)

// maxDeregister bounds a check's DeregisterAfter.
const maxDeregister = 365 * catalog.MaxTTL

func (w *writer) healthCheck(c *catalog.Check) {
	w.array(checkFields)
	for _, s := range []string{
		c.ID, c.Name, c.Notes, c.HTTP, c.TCP, c.GRPC, c.Alias, c.Method, c.Body, c.TLSServerName,
	} {
		w.str(s)
	}
	for _, d := range []time.Duration{c.TTL, c.Interval, c.Timeout, c.DeregisterAfter} {
		w.int(d.Milliseconds())
	}
	for _, n := range []int{c.SuccessBeforePassing, c.FailuresBeforeWarning, c.FailuresBeforeCritical, c.OutputMax} {
		w.int(int64(n))
	}
	w.uint(uint64(c.Initial))
	w.uint(bit(c.NoRedirect, flagNoRedirect) | bit(c.TLS, flagTLS) | bit(c.TLSSkipVerify, flagSkipVerify))
	w.list(c.Script)
	w.array(2 * len(c.Header))
	for _, name := range sortedKeys(c.Header) {
		w.str(name)
		w.list(c.Header[name])
	}
}

func (w *writer) list(l []string) {
	w.array(len(l))
	for _, s := range l {
		w.str(s)
	}
}

func (d *Decoder) healthCheck() (c catalog.Check) {
	n := d.array(checkFields, maxFields)
	for _, to := range []struct {
		s    *string
		most int
	}{
		{&c.ID, catalog.MaxCheckIDBytes},
		{&c.Name, catalog.MaxNameBytes},
		{&c.Notes, catalog.MaxValueBytes},
		{&c.HTTP, catalog.MaxValueBytes},
		{&c.TCP, catalog.MaxValueBytes},
		{&c.GRPC, catalog.MaxValueBytes},
		{&c.Alias, catalog.MaxNameBytes},
		{&c.Method, catalog.MaxNameBytes},
		{&c.Body, catalog.MaxValueBytes},
		{&c.TLSServerName, catalog.MaxNameBytes},
	} {
		*to.s = d.name(to.most)
	}
	c.TTL, c.Interval, c.Timeout = d.duration(catalog.MaxTTL), d.duration(catalog.MaxTTL), d.duration(catalog.MaxTTL)
	c.DeregisterAfter = d.duration(maxDeregister)
	c.SuccessBeforePassing, c.FailuresBeforeWarning = d.count(catalog.MaxThreshold), d.count(catalog.MaxThreshold)
	c.FailuresBeforeCritical, c.OutputMax = d.count(catalog.MaxThreshold), d.count(catalog.MaxOutput)
	c.Initial = catalog.CheckStatus(d.uint(uint64(catalog.CheckCritical)))
	flags := d.uint(^uint64(0))
	c.NoRedirect, c.TLS, c.TLSSkipVerify = flags&flagNoRedirect != 0, flags&flagTLS != 0, flags&flagSkipVerify != 0
	c.Script = d.strings(catalog.MaxScriptArgs)
	if headers := d.pairs(catalog.MaxHeaders); headers > 0 {
		c.Header = make(map[string][]string, headers)
		for range headers {
			name := d.name(catalog.MaxNameBytes)
			c.Header[name] = d.strings(catalog.MaxHeaders)
		}
	}
	d.skip(n - checkFields)
	return c
}

func (d *Decoder) count(most int) int { return int(d.uint(uint64(most))) }

// strings reads texts that hardly recur; nil if there are none.
func (d *Decoder) strings(most int) []string {
	n := d.array(0, most)
	if n == 0 {
		return nil
	}
	l := make([]string, n)
	for i := range l {
		l[i] = d.str(catalog.MaxValueBytes)
	}
	return l
}

func (w *writer) results(results []catalog.CheckResult) {
	w.array(len(results))
	for n := range results {
		r := &results[n]
		w.array(resultFields)
		w.str(r.ID)
		w.uint(uint64(r.Status))
		w.str(r.Output)
		w.int(millis(r.Since))
	}
}

func (d *Decoder) results() []catalog.CheckResult {
	count := d.array(0, catalog.MaxChecks)
	if count == 0 {
		return nil
	}
	results := make([]catalog.CheckResult, count)
	for i := range results {
		n := d.array(resultFields, maxFields)
		results[i] = catalog.CheckResult{
			ID:     d.name(catalog.MaxCheckIDBytes),
			Status: catalog.CheckStatus(d.uint(uint64(catalog.CheckCritical))),
			Output: d.str(catalog.MaxOutput),
			Since:  d.time(),
		}
		d.skip(n - resultFields)
		if d.err == nil && (results[i].ID == "" || results[i].Status == catalog.CheckNone) {
			d.fail("a result of a check without id or status")
		}
	}
	return results
}
