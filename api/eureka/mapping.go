package eureka

import (
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster"
)

// secureName is the name in muster.Instance.Ports of the second port, where an instance has both.
const secureName = "secure"

// zoneKey is the metadata by which Eureka clients tell their zone.
const zoneKey = "zone"

// discard is the port of instances that have none that one can connect to (RFC 863): the catalog wants one, and nobody
// listens there, which is what whoever connects by another dialect should find.
const discard = 9

// usualSecurePort is said to be the disabled secure port of an instance that did not register by Eureka.
const usualSecurePort = 443

// serviceOf is the service that an application's instances are registered under.
func serviceOf(app string) string { return strings.ToLower(app) }

// appOf is the application that shows a service's instances.
func appOf(service string) string { return strings.ToUpper(service) }

// instance is i for the catalog. What the catalog has no field for, and could not be guessed from those that it has, goes
// into attributes.
func (i *info) instance() muster.Instance {
	inst := muster.Instance{
		Service: serviceOf(i.app), ID: i.id, Address: i.ip, Metadata: i.metadata, Zone: i.metadata[zoneKey],
		Status: i.status, TTL: min(time.Duration(i.lease.duration)*time.Second, maxTTL),
	}
	switch {
	case i.port.enabled && i.port.valid():
		inst.Port = int(i.port.number)
		if i.securePort.enabled && i.securePort.valid() {
			inst.Ports = map[string]int{secureName: int(i.securePort.number)}
		}
	case i.securePort.enabled && i.securePort.valid():
		inst.Port, inst.Secure = int(i.securePort.number), true
	case i.port.valid():
		inst.Port = int(i.port.number)
	default:
		inst.Port = discard
	}
	guessed := guess(&inst)
	inst.Attributes = i.differences(&guessed)
	return inst
}

// maxTTL is the longest lease that the catalog takes.
const maxTTL = 24 * time.Hour

// describe is an instance of the catalog for Eureka.
func describe(inst *muster.Instance) info {
	i := guess(inst)
	i.restore(inst.Attributes)
	return i
}

// guess is what the catalog's own fields say of an instance: all there is to say of one that did not register by Eureka.
func guess(inst *muster.Instance) info {
	registered := millis(inst.RegisteredAt)
	i := info{
		id: inst.ID, host: inst.Address, app: appOf(inst.Service), ip: inst.Address, sid: none,
		status: effective(inst), override: inst.Override, country: 1, datacenter: datacenter{name: myOwn},
		port: port{int64(inst.Port), true}, securePort: port{usualSecurePort, false},
		lease: lease{
			renewal: max(int64(inst.TTL/(3*time.Second)), 1), duration: int64(inst.TTL / time.Second),
			registered: registered, renewed: registered, serviceUp: registered,
		},
		metadata: inst.Metadata, vip: inst.Service, updated: registered, dirty: registered,
	}
	if !inst.LastRenewal.IsZero() {
		i.lease.renewed = millis(inst.LastRenewal)
	}
	if second, ok := inst.Ports[secureName]; ok {
		i.securePort = port{int64(second), true}
	}
	if inst.Secure {
		i.port, i.securePort = port{int64(inst.Port), false}, port{int64(inst.Port), true}
		i.secureVIP = inst.Service
	}
	return i
}

// effective is the status that Eureka shows: an operator's decision holds for instances that would take traffic, or were
// told not to; one that says of itself that it is not well knows better.
func effective(inst *muster.Instance) muster.Status {
	switch reported := inst.Reported(); reported {
	case muster.StatusUp, muster.StatusOutOfService:
		return inst.Status
	default:
		return reported
	}
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// Attributes that are about a registration and not part of Eureka's schema.
const (
	// attrSource is sourcePeer for what was registered by replication from a Eureka server, which has it already, and
	// sourceMoved for what was, until its client spoke to us.
	attrSource  = "eureka.source"
	sourcePeer  = "peer"
	sourceMoved = "moved"
	// attrCleared marks an instance whose override was taken back without saying what its status is: see clearStatus.
	attrCleared = "eureka.statusCleared"
)

// dirtyOf is the client's time of its latest registration; false if it did not register by Eureka.
func dirtyOf(inst *muster.Instance) (int64, bool) {
	text, ok := inst.Attributes["eureka.lastDirtyTimestamp"]
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}
