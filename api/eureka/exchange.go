package eureka

import (
	"encoding/json"
	"time"

	"github.com/musterhq/muster"
)

// What package peer needs to speak to a Eureka server as its peer would.

// AppendInstance appends an instance as the JSON object that a Eureka server takes and gives, without a wrapper.
func AppendInstance(b []byte, inst *muster.Instance) []byte {
	i := describe(inst)
	return appendJSON(b, &i, "")
}

// App is the application that shows an instance.
func App(inst *muster.Instance) string { return appOf(inst.Service) }

// LastDirty is the time of an instance's latest registration by its client's clock, in milliseconds since 1970: what
// Eureka servers compare two registrations by. For one that did not register by Eureka it is the time of registration.
func LastDirty(inst *muster.Instance) int64 {
	if dirty, ok := dirtyOf(inst); ok {
		return dirty
	}
	return millis(inst.RegisteredAt)
}

// HasClientTime reports whether LastDirty is by the client's clock.
func HasClientTime(inst *muster.Instance) bool {
	_, known := dirtyOf(inst)
	return known
}

// Status is the status that Eureka shows of an instance.
func Status(inst *muster.Instance) muster.Status { return effective(inst) }

// RenewalInterval is how often an instance is renewed, at least a second.
func RenewalInterval(inst *muster.Instance) time.Duration {
	i := describe(inst)
	return time.Duration(min(max(i.lease.renewal, 1), int64(maxTTL/time.Second))) * time.Second
}

// FromPeer reports whether an instance was learned from a Eureka server, which has it already.
func FromPeer(inst *muster.Instance) bool { return inst.Attributes[attrSource] == sourcePeer }

// DecodeInstance is an instance as a Eureka server gives it, marked as learned from a peer, and the override it has there. The
// error says what is wrong with it.
func DecodeInstance(object []byte) (muster.Instance, muster.Status, error) {
	i, err := decodeInstance(object)
	if err == nil {
		err = i.finish("")
	}
	if err != nil {
		return muster.Instance{}, muster.StatusNone, err
	}
	inst := i.instance()
	inst.Attributes = withAttribute(inst.Attributes, attrSource, sourcePeer)
	return inst, i.override, nil
}

// SplitApplications is the instances in what a Eureka server answers to GET apps, each as an object that DecodeInstance
// takes. Old servers send an object in place of an array of one, and nothing in place of an empty one.
func SplitApplications(body []byte) ([]json.RawMessage, error) {
	wrapper, err := object(body)
	if err != nil {
		return nil, err
	}
	applications, err := object(wrapper["applications"])
	if err != nil {
		return nil, err
	}
	var out []json.RawMessage
	for _, raw := range oneOrMany(applications["application"]) {
		application, err := object(raw)
		if err != nil {
			return nil, err
		}
		out = append(out, oneOrMany(application["instance"])...)
	}
	return out, nil
}

// oneOrMany is the elements of an array, or what is there in its place; none of null.
func oneOrMany(raw json.RawMessage) (many []json.RawMessage) {
	if isNull(raw) {
		return nil
	}
	if json.Unmarshal(raw, &many) == nil {
		return many
	}
	return []json.RawMessage{raw}
}
