package eureka

import "github.com/musterhq/muster"

// info is an instance as Eureka has it: each field of its schema, and none else.
type info struct {
	id, host, app, ip, sid string
	status, override       muster.Status // override is StatusNone where Eureka says UNKNOWN
	port, securePort       port
	country                int64
	datacenter             datacenter
	lease                  lease
	metadata               map[string]string
	group                  string
	homePage, statusPage   string
	healthCheck            string
	secureHealthCheck      string
	vip, secureVIP         string // comma-separated, case-sensitive
	coordinating           bool
	updated, dirty         int64 // milliseconds since 1970; dirty is by the client's clock, 0 if it did not say
	asg                    string
}

// port is a port number and whether it is in use. Eureka takes any number.
type port struct {
	number  int64
	enabled bool
}

// What Eureka assumes where a body says nothing.
var (
	defaultPort       = port{7001, true}
	defaultSecurePort = port{7002, false}
)

// valid reports whether one can connect to the port.
func (p port) valid() bool { return p.number >= 1 && p.number <= 65535 }

// datacenter is where an instance says that it runs. It has nothing to do with a node's data centre.
type datacenter struct {
	name     string            // MyOwn, Amazon or Netflix
	metadata map[string]string // of Amazon only
}

const (
	myOwn   = "MyOwn"
	amazon  = "Amazon"
	netflix = "Netflix"
)

// lease is Eureka's leaseInfo: seconds, and milliseconds since 1970.
type lease struct {
	renewal, duration                       int64
	registered, renewed, evicted, serviceUp int64
}

// What Eureka assumes of a lease, in seconds.
const (
	defaultRenewal  = 30
	defaultDuration = 90
)

// none is the sid of instances that have none.
const none = "na"
