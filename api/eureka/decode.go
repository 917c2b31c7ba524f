package eureka

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/musterhq/muster"
)

// errBody is wrapped by every error of a body that cannot be taken: the client is at fault, and nothing has been changed.
var errBody = errors.New("eureka: the body cannot be taken")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errBody, fmt.Sprintf(format, args...))
}

// blank is what a Eureka server assumes of an instance whose body says nothing.
func blank() info {
	return info{
		sid: none, status: muster.StatusUp, port: defaultPort, securePort: defaultSecurePort, country: 1,
		lease: lease{renewal: defaultRenewal, duration: defaultDuration},
	}
}

// set puts a field that is text in the body in its place; false if the schema has no such field. JSON and XML share it.
func (i *info) set(field, value string) bool {
	switch field {
	case "instanceId":
		i.id = value
	case "hostName":
		i.host = value
	case "app":
		i.app = appOf(value)
	case "ipAddr":
		i.ip = value
	case "sid":
		i.sid = value
	case "status":
		i.status = parseStatus(value)
	case "overriddenStatus", "overriddenstatus":
		if i.override = parseStatus(value); i.override == muster.StatusUnknown {
			i.override = muster.StatusNone
		}
	case "countryId":
		i.country = parseNumber(value)
	case "appGroupName":
		i.group = value
	case "homePageUrl":
		i.homePage = value
	case "statusPageUrl":
		i.statusPage = value
	case "healthCheckUrl":
		i.healthCheck = value
	case "secureHealthCheckUrl":
		i.secureHealthCheck = value
	case "vipAddress":
		i.vip = value
	case "secureVipAddress":
		i.secureVIP = value
	case "isCoordinatingDiscoveryServer":
		i.coordinating = value == "true"
	case "lastUpdatedTimestamp":
		i.updated = parseNumber(value)
	case "lastDirtyTimestamp":
		i.dirty = parseNumber(value)
	case "actionType": // What a delta said of it; it means nothing here.
	case "asgName":
		i.asg = value
	default:
		return false
	}
	return true
}

// setLease puts a field of leaseInfo in its place. The times in it are ours to say.
func (i *info) setLease(field, value string) {
	switch n := parseNumber(value); {
	case n <= 0: // The default stands.
	case field == "renewalIntervalInSecs":
		i.lease.renewal = n
	case field == "durationInSecs":
		i.lease.duration = min(n, math.MaxInt32)
	case field == "registrationTimestamp":
		i.lease.registered = n
	}
}

// parseStatus is a status by its name; anything else is UNKNOWN, as Eureka has it.
func parseStatus(name string) muster.Status {
	status, err := muster.ParseStatus(name)
	if err != nil {
		return muster.StatusUnknown
	}
	return status
}

// parseNumber is a whole number as clients write them, 0 if it is none.
func parseNumber(s string) int64 {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(f) < 1<<53 {
		return int64(f)
	}
	return 0
}

// parsePort is a port's number. Eureka takes any 32-bit number.
func parsePort(s string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 32)
	if err != nil {
		return 0, malformed("a port is %.20q, which is not a number", s)
	}
	return n, nil
}

// finish fills what may be left out, and refuses what may not, in the order in which a Eureka server looks. app is what
// the path says, empty if there is none to agree with.
func (i *info) finish(app string) error {
	if i.id == "" && i.datacenter.name == amazon {
		i.id = i.datacenter.metadata["instance-id"]
	}
	if i.id == "" {
		i.id = i.host
	}
	switch {
	case i.id == "":
		return malformed("instanceId is missing")
	case i.host == "":
		return malformed("hostName is missing")
	case i.ip == "":
		return malformed("ipAddr is missing")
	case i.app == "":
		return malformed("app is missing")
	case app != "" && i.app != app:
		return malformed("app is %q in the body and %q in the path", i.app, app)
	case !knownDatacenter(i.datacenter.name):
		return malformed("dataCenterInfo.name is %.20q, not one of MyOwn, Amazon and Netflix", i.datacenter.name)
	}
	if i.datacenter.name != amazon {
		i.datacenter.metadata = nil // Only Amazon's has a place in the schema.
	}
	return nil
}
