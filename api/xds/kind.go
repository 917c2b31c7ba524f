package xds

// kind is one of the types of resources, in the order in which changes are sent: what is pointed to before who points.
type kind int

const (
	clusters kind = iota
	endpoints
	listeners
	routes
	kinds
)

// typePrefix is what all type URLs begin with.
const typePrefix = "type.googleapis.com/envoy.config."

var typeURLs = [kinds]string{
	clusters:  typePrefix + "cluster.v3.Cluster",
	endpoints: typePrefix + "endpoint.v3.ClusterLoadAssignment",
	listeners: typePrefix + "listener.v3.Listener",
	routes:    typePrefix + "route.v3.RouteConfiguration",
}

var kindNames = [kinds]string{clusters: "cluster", endpoints: "endpoints", listeners: "listener", routes: "route"}

// kindOf finds a kind by its type URL; false for types that are not served.
func kindOf(url string) (kind, bool) {
	for k, u := range typeURLs {
		if u == url {
			return kind(k), true
		}
	}
	return 0, false
}

// whole reports whether a response as state of the world has to hold everything that is subscribed to, because what it
// lacks is taken as removed. Of the other kinds, nothing can be removed that way.
func (k kind) whole() bool { return k == listeners || k == clusters }

// child is the kind that the resources of k point to by name, which a client asks for anew when they change.
func (k kind) child() (kind, bool) {
	switch k {
	case clusters:
		return endpoints, true
	case listeners:
		return routes, true
	case endpoints, routes, kinds:
	}
	return 0, false
}

// pointsTo is the name of the child of a resource.
func (k kind) pointsTo(name string) string {
	if k == listeners {
		return routeName(name)
	}
	return name
}
