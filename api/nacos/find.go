package nacos

import (
	"strconv"

	"github.com/musterhq/muster"
)

// place is what a request says of an instance: where it is.
type place struct {
	namespace string
	name      name
	ip        string
	port      int
	cluster   string
}

// place reads the keys of an instance, in the order in which a Nacos server misses them.
func (p params) place() (at place, err error) {
	at = place{namespace: p.namespace(), cluster: p.cluster()}
	if at.name, err = p.service(); err != nil {
		return at, err
	}
	if at.ip, err = p.required("ip"); err != nil {
		return at, err
	}
	text, err := p.required("port")
	if err != nil {
		return at, err
	}
	if at.port, err = strconv.Atoi(text); err != nil {
		return at, badRequest("For input string: " + strconv.Quote(clipped(text)))
	}
	return at, nil
}

func (at *place) id() string { return instanceID(at.ip, at.port, at.cluster, at.name) }

// own is the instance that was registered there by this dialect, nil if there is none.
func (a *API) own(at *place) *muster.Instance {
	inst, _ := a.node.Find(at.namespace, at.name.stored()).Instance(at.id())
	if inst == nil || !a.local(inst) {
		return nil
	}
	return inst
}

// find is the instance there, whatever dialect it registered by, nil if there is none.
func (a *API) find(at *place) *muster.Instance {
	if inst := a.own(at); inst != nil {
		return inst
	}
	for inst := range a.node.Find(at.namespace, at.name.stored()).All() {
		if inst.Address == at.ip && inst.Port == at.port && clusterOf(inst) == at.cluster && a.local(inst) {
			return inst
		}
	}
	return nil
}
