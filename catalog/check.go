package catalog

import (
	"encoding"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CheckStatus is what a health check has found. The zero CheckStatus is "none": not given.
type CheckStatus uint8

// The statuses of a check, with Consul's names and meanings, in order of severity.
const (
	CheckNone CheckStatus = iota
	CheckPassing
	CheckWarning
	CheckCritical
)

var checkStatusNames = [...]string{"", "passing", "warning", "critical"}

var (
	_ encoding.TextMarshaler   = CheckStatus(0)
	_ encoding.TextUnmarshaler = (*CheckStatus)(nil)
)

// ParseCheckStatus is the status with that name, lower case. The error names the ones there are.
func ParseCheckStatus(name string) (CheckStatus, error) {
	if i := slices.Index(checkStatusNames[1:], name); i >= 0 {
		return CheckStatus(i + 1), nil
	}
	return CheckNone, fmt.Errorf("catalog: check status %q is not one of passing, warning, critical", name)
}

// String is the status's name, "" for CheckNone.
func (s CheckStatus) String() string {
	if int(s) < len(checkStatusNames) {
		return checkStatusNames[s]
	}
	return "critical"
}

// MarshalText is String.
func (s CheckStatus) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is ParseCheckStatus; an empty text is CheckNone.
func (s *CheckStatus) UnmarshalText(text []byte) (err error) {
	*s = CheckNone
	if len(text) > 0 {
		*s, err = ParseCheckStatus(string(text))
	}
	return err
}

// Check is a health check of an instance: run by its home node, or, with a TTL, reported by its client. Exactly one of
// TTL, HTTP, TCP, GRPC, Script and Alias is set.
type Check struct {
	// ID is unique in the instance; "service:" and the instance's id if not given, with ":1", ":2" and so on where there
	// are several checks. Name and Notes are for people.
	ID, Name, Notes string
	// TTL is within which time of one report of the client the next one has to come.
	TTL time.Duration
	// HTTP is a URL that answers 2xx when the instance is well, 429 when it has a warning to give.
	HTTP string
	// TCP is a host:port that accepts a connection when the instance is well.
	TCP string
	// GRPC is a host:port[/service] that serves the standard health service.
	GRPC string
	// Script is a command and its arguments, which exits with 0 for passing, 1 for warning, anything else for critical.
	Script []string
	// Alias is the id of another instance of the namespace, whose checks this one repeats.
	Alias string

	// Method, Header and Body of an HTTP check; GET if not given. NoRedirect takes a redirect as the answer.
	Method, Body string
	Header       map[string][]string
	NoRedirect   bool
	// TLS makes a TCP or gRPC check speak it. TLSServerName is the name that the certificate must be for, if it is another
	// than the address; TLSSkipVerify takes any certificate.
	TLS           bool
	TLSServerName string
	TLSSkipVerify bool

	// Interval is the time between the starts of two runs, at least 1 s, 10 s if not given; Timeout how long one may take,
	// 10 s if not given, 30 s for a script.
	Interval, Timeout time.Duration
	// SuccessBeforePassing, FailuresBeforeWarning and FailuresBeforeCritical are how many results in a row change the
	// status; 0 is 1. The first result of all always counts.
	SuccessBeforePassing, FailuresBeforeWarning, FailuresBeforeCritical int
	// DeregisterAfter deregisters the instance when the check has been critical for that long; 0 never does.
	DeregisterAfter time.Duration
	// OutputMax bounds the output that is kept, in bytes; DefaultOutput if not given.
	OutputMax int
	// Initial is the status until there is a result; passing if not given.
	Initial CheckStatus
}

// Type is the check's kind, by Consul's word for it.
func (c *Check) Type() string {
	switch {
	case c.TTL > 0:
		return "ttl"
	case c.HTTP != "":
		return "http"
	case c.TCP != "":
		return "tcp"
	case c.GRPC != "":
		return "grpc"
	case len(c.Script) > 0:
		return "script"
	default:
		return "alias"
	}
}

// CheckResult is what a check has found.
type CheckResult struct {
	// ID is the check's.
	ID     string
	Status CheckStatus
	// Output is for people: an answer's first bytes, an error, a client's note.
	Output string
	// Since is the wall time of the latest change of Status, zero if there has been none.
	Since time.Time
}

// Bounds and defaults of checks.
const (
	DefaultCheckInterval = 10 * time.Second
	DefaultCheckTimeout  = 10 * time.Second
	DefaultScriptTimeout = 30 * time.Second
	MinCheckInterval     = time.Second
	DefaultOutput        = 4 << 10
	MaxOutput            = 16 << 10 // of one check, whatever OutputMax says
	MaxThreshold         = 1 << 10
	MaxScriptArgs        = 32
	MaxHeaders           = 32
	MaxCheckIDBytes      = MaxNameBytes + 16
)

// completeChecks fills what a client may leave out of its checks. The list that was given stays as it is.
func (i *Instance) completeChecks() {
	i.Checks = slices.Clone(i.Checks)
	for n := range i.Checks {
		c := &i.Checks[n]
		if c.ID == "" {
			c.ID = "service:" + i.ID
			if len(i.Checks) > 1 {
				c.ID += ":" + strconv.Itoa(n+1)
			}
		}
		if c.TTL == 0 && c.Alias == "" {
			if c.Interval == 0 {
				c.Interval = DefaultCheckInterval
			}
			if c.Timeout == 0 {
				c.Timeout = DefaultCheckTimeout
				if len(c.Script) > 0 {
					c.Timeout = DefaultScriptTimeout
				}
			}
		}
	}
}

// resultsOf is a result for each check: the one that was found, or the initial one.
func resultsOf(checks []Check, found []CheckResult) []CheckResult {
	out := make([]CheckResult, len(checks))
	for n := range checks {
		c := &checks[n]
		if at := slices.IndexFunc(found, func(r CheckResult) bool { return r.ID == c.ID }); at >= 0 {
			out[n] = found[at]
			continue
		}
		out[n] = CheckResult{ID: c.ID, Status: c.Initial}
		if c.Initial == CheckNone {
			out[n].Status = CheckPassing
		}
	}
	return out
}

// CutOutput is at most the first bytes of output, whole characters, valid UTF-8.
func CutOutput(output string, bytes int) string {
	return strings.ToValidUTF8(output[:min(len(output), bytes)], "")
}

// Worst is the most severe status of results, CheckPassing if there are none.
func Worst(results []CheckResult) CheckStatus {
	worst := CheckPassing
	for n := range results {
		worst = max(worst, results[n].Status)
	}
	return worst
}
