package nacos

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/musterhq/muster"
)

// Nacos' names for those who name none.
const (
	publicNamespace = "public"
	defaultGroup    = "DEFAULT_GROUP"
	defaultCluster  = "DEFAULT"
)

// separator stands between a group and a service.
const separator = "@@"

// name is a service as Nacos names it.
type name struct{ group, service string }

// String is the grouped name, as in DEFAULT_GROUP@@payments.
func (n name) String() string { return n.group + separator + n.service }

// stored is the name in the catalog: the bare one in the default group, so that every dialect finds it by the name that
// people say, else the grouped one.
func (n name) stored() string {
	if n.group == defaultGroup {
		return n.service
	}
	return n.String()
}

// nameOf is a service of the catalog as Nacos names it.
func nameOf(service string) name {
	if group, bare, ok := strings.Cut(service, separator); ok && group != "" && bare != "" {
		return name{group, bare}
	}
	return name{defaultGroup, service}
}

// service is the service that a request is about: in serviceName, alone or with its group, and groupName.
func (p params) service() (n name, err error) {
	said, err := p.required("serviceName")
	if err != nil {
		return n, err
	}
	n = name{p.optional(defaultGroup, "groupName"), said}
	if group, bare, ok := strings.Cut(said, separator); ok {
		n = name{group, bare}
	}
	switch {
	case n.service == "" || strings.Contains(n.service, separator):
		return n, badRequest("Param 'serviceName' is illegal, it should be format as 'groupName@@serviceName'")
	case n.group == "":
		return n, badRequest("Param 'serviceName' is illegal, groupName can't be empty")
	}
	return n, nil
}

// namespace is the catalog's namespace for a namespaceId.
func (p params) namespace() string {
	id := p.optional(publicNamespace, "namespaceId")
	if id == publicNamespace {
		return muster.DefaultNamespace
	}
	return id
}

// namespaceID is Nacos' name of a namespace of the catalog.
func namespaceID(namespace string) string {
	if namespace == muster.DefaultNamespace {
		return publicNamespace
	}
	return namespace
}

// cluster is the cluster that a request is about.
func (p params) cluster() string { return p.optional(defaultCluster, "clusterName", "cluster") }

// clusterName is what a cluster may be called.
var clusterName = regexp.MustCompile(`^[0-9a-zA-Z-]+$`)

// zoneOf is the zone of a cluster's instances, clusterOf the cluster of a zone's.
func zoneOf(cluster string) string {
	if cluster == defaultCluster {
		return ""
	}
	return cluster
}

func clusterOf(inst *muster.Instance) string {
	if inst.Zone == "" {
		return defaultCluster
	}
	return inst.Zone
}

// instanceID is the id of an instance in Nacos, which it has in the catalog too.
func instanceID(ip string, port int, cluster string, service name) string {
	return ip + "#" + strconv.Itoa(port) + "#" + cluster + "#" + service.String()
}
