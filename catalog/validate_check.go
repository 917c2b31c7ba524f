package catalog

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

// check validates one health check, whose name in the API is field.
func (v *validator) check(field string, c *Check) {
	given := 0
	for _, is := range []bool{c.TTL != 0, c.HTTP != "", c.TCP != "", c.GRPC != "", len(c.Script) > 0, c.Alias != ""} {
		if is {
			given++
		}
	}
	if given != 1 {
		v.bad(field, "must have exactly one of ttl, http, tcp, grpc, script and alias")
	}
	if c.ID == "" {
		v.bad(field+".id", "is required")
	}
	v.text(field+".id", c.ID, MaxCheckIDBytes)
	v.name(field+".name", c.Name, false)
	v.text(field+".notes", c.Notes, MaxValueBytes)
	v.checkTarget(field, c)
	v.name(field+".method", c.Method, false)
	v.text(field+".body", c.Body, MaxValueBytes)
	v.name(field+".tlsServerName", c.TLSServerName, false)
	v.count(field+".header", len(c.Header), MaxHeaders)
	for _, name := range sortedKeys(c.Header, nil) {
		v.name(field+".header", name, true)
		v.count(field+".header."+name, len(c.Header[name]), MaxHeaders)
		for _, value := range c.Header[name] {
			v.text(field+".header."+name, value, MaxValueBytes)
		}
	}
	v.checkTimes(field, c)
}

func (v *validator) checkTarget(field string, c *Check) {
	v.text(field+".http", c.HTTP, MaxValueBytes)
	if c.HTTP != "" {
		if u, err := url.Parse(c.HTTP); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			v.bad(field+".http", "must be an http or https URL, not %q", c.HTTP)
		}
	}
	v.text(field+".tcp", c.TCP, MaxValueBytes)
	if c.TCP != "" && !isHostPort(c.TCP) {
		v.bad(field+".tcp", "must be host:port, not %q", c.TCP)
	}
	v.text(field+".grpc", c.GRPC, MaxValueBytes)
	if hostport, _, _ := strings.Cut(c.GRPC, "/"); c.GRPC != "" && !isHostPort(hostport) {
		v.bad(field+".grpc", "must be host:port or host:port/service, not %q", c.GRPC)
	}
	v.name(field+".alias", c.Alias, false)
	v.count(field+".script", len(c.Script), MaxScriptArgs)
	for n, arg := range c.Script {
		v.text(field+".script["+strconv.Itoa(n)+"]", arg, MaxValueBytes)
	}
	if len(c.Script) > 0 && c.Script[0] == "" {
		v.bad(field+".script[0]", "is required")
	}
}

func (v *validator) checkTimes(field string, c *Check) {
	if c.TTL < 0 || c.TTL > MaxTTL || c.TTL > 0 && c.TTL < time.Millisecond {
		v.bad(field+".ttl", "must be 1ms to %v, not %v", MaxTTL, c.TTL)
	}
	if c.TTL > 0 && c.Interval > 0 {
		v.bad(field+".interval", "must not be given together with ttl")
	}
	if run := c.TTL == 0 && c.Alias == ""; run && (c.Interval < MinCheckInterval || c.Interval > MaxTTL) {
		v.bad(field+".interval", "must be %v to %v, not %v", MinCheckInterval, MaxTTL, c.Interval)
	}
	if c.Timeout < 0 || c.Timeout > MaxTTL {
		v.bad(field+".timeout", "must be 0 to %v, not %v", MaxTTL, c.Timeout)
	}
	for _, t := range []struct {
		name string
		n    int
	}{
		{"successBeforePassing", c.SuccessBeforePassing},
		{"failuresBeforeWarning", c.FailuresBeforeWarning},
		{"failuresBeforeCritical", c.FailuresBeforeCritical},
	} {
		if t.n < 0 || t.n > MaxThreshold {
			v.bad(field+"."+t.name, "must be 0 to %d, not %d", MaxThreshold, t.n)
		}
	}
	if c.FailuresBeforeWarning > c.FailuresBeforeCritical && c.FailuresBeforeCritical > 0 {
		v.bad(field+".failuresBeforeWarning", "must not be more than failuresBeforeCritical")
	}
	if c.DeregisterAfter < 0 || c.DeregisterAfter > 365*MaxTTL {
		v.bad(field+".deregisterAfter", "must be 0 to %v, not %v", 365*MaxTTL, c.DeregisterAfter)
	}
	if c.OutputMax < 0 || c.OutputMax > MaxOutput {
		v.bad(field+".outputMax", "must be 0 to %d bytes, not %d", MaxOutput, c.OutputMax)
	}
	if c.Initial > CheckCritical {
		v.bad(field+".initial", "must be passing, warning or critical")
	}
}

// isHostPort reports whether s is a host, which may be an IPv6 address in brackets, and a port.
func isHostPort(s string) bool {
	colon := strings.LastIndexByte(s, ':')
	if colon < 1 || colon == len(s)-1 {
		return false
	}
	host := s[:colon]
	return !strings.Contains(host, ":") || host[0] == '[' && host[len(host)-1] == ']'
}
