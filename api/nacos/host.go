package nacos

import (
	"maps"

	"github.com/musterhq/muster"
)

// host is an instance as a list shows it. See append for how it is written; clients read it by these names.
type host struct {
	InstanceID  string            `json:"instanceId"`
	IP          string            `json:"ip"`
	Port        int               `json:"port"`
	Weight      weight            `json:"weight"`
	Healthy     bool              `json:"healthy"`
	Enabled     bool              `json:"enabled"`
	Ephemeral   bool              `json:"ephemeral"`
	ClusterName string            `json:"clusterName"`
	ServiceName string            `json:"serviceName"`
	Metadata    map[string]string `json:"metadata"`
	Interval    int64             `json:"instanceHeartBeatInterval"`
	Timeout     int64             `json:"instanceHeartBeatTimeOut"`
	Remove      int64             `json:"ipDeleteTimeout"`
	Generator   string            `json:"instanceIdGenerator"`
}

// hostOf shows an instance, whatever dialect it registered by. per is what weighs 1.
func hostOf(inst *muster.Instance, per int) host {
	t := timingFor(inst)
	return host{
		InstanceID: inst.ID, IP: inst.Address, Port: inst.Port, Weight: weightOf(inst, per), Healthy: healthy(inst),
		Enabled: enabled(inst), Ephemeral: !inst.Permanent, ClusterName: clusterOf(inst),
		ServiceName: nameOf(inst.Service).String(), Metadata: metadataOf(inst),
		Interval: t.interval.Milliseconds(), Timeout: t.timeout.Milliseconds(), Remove: t.remove.Milliseconds(),
		Generator: "simple",
	}
}

// metadataOf is an instance's metadata, never nil, with the word by which clients of Nacos know that a port speaks TLS.
func metadataOf(inst *muster.Instance) map[string]string {
	switch {
	case inst.Secure && inst.Metadata[keySecure] == "":
		m := make(map[string]string, len(inst.Metadata)+1)
		maps.Copy(m, inst.Metadata)
		m[keySecure] = "true"
		return m
	case inst.Metadata == nil:
		return map[string]string{}
	default:
		return inst.Metadata
	}
}
