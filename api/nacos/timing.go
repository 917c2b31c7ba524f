package nacos

import (
	"strconv"
	"time"

	"github.com/musterhq/muster"
)

// Timings of an instance whose metadata says nothing of them.
const (
	defaultInterval = 5 * time.Second
	defaultTimeout  = 15 * time.Second
	defaultDelete   = 30 * time.Second
)

// The keys of metadata by which an instance says its timings, in milliseconds.
const (
	keyInterval = "preserved.heart.beat.interval"
	keyTimeout  = "preserved.heart.beat.timeout"
	keyDelete   = "preserved.ip.delete.timeout"
)

// The shortest and the longest lease that the catalog takes.
const (
	minTTL = time.Second
	maxTTL = 24 * time.Hour
)

// timing is when an instance is heard of, when it is taken for unhealthy, and when for gone.
type timing struct{ interval, timeout, remove time.Duration }

// usual are the timings of who says none.
var usual = timing{defaultInterval, defaultTimeout, defaultDelete}

// timingOf reads what metadata says, and keeps otherwise where it says nothing that is a number.
func timingOf(metadata map[string]string, otherwise timing) timing {
	t := otherwise
	for key, d := range map[string]*time.Duration{keyInterval: &t.interval, keyTimeout: &t.timeout, keyDelete: &t.remove} {
		if ms, err := strconv.ParseUint(metadata[key], 10, 40); err == nil {
			*d = time.Duration(ms) * time.Millisecond
		}
	}
	return t
}

// ttl is the lease: it ends where a Nacos server would take the instance for unhealthy, or for gone if that is sooner.
func (t timing) ttl() time.Duration { return min(max(min(t.timeout, t.remove), minTTL), maxTTL) }

// valid refuses timings by which an instance would be lost between two beats.
func (t timing) valid() error {
	if t.timeout < t.interval || t.remove < t.interval {
		return badRequest("Instance 'heart beat interval' must less than 'heart beat timeout' and 'ip delete timeout'.")
	}
	return nil
}

// timingFor are the timings to show of an instance: what its metadata says, else Nacos' own, else, where the lease is
// not the one that these give, what the lease says.
func timingFor(inst *muster.Instance) timing {
	t := timingOf(inst.Metadata, usual)
	if inst.Permanent || t.ttl() == inst.TTL {
		return t
	}
	return timingOf(inst.Metadata, timing{inst.TTL / 3, inst.TTL, inst.TTL})
}
