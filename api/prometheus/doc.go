// Package prometheus tells Prometheus what to scrape: GET /sd/prometheus answers in the form of its HTTP service discovery.
//
//	scrape_configs:
//	  - job_name: services
//	    http_sd_configs:
//	      - url: http://127.0.0.1:8761/sd/prometheus?healthy=true
//	    relabel_configs:
//	      - source_labels: [__meta_muster_service]
//	        target_label: job
//
// Source. The HTTP service discovery of Prometheus (http_sd_configs): a list of groups, each with targets and labels. A
// group here is one instance, since its labels are its own; the target is its address and port. The labels are, all with the
// prefix __meta_muster_: namespace, service, id, address, port, datacenter, zone, status, healthy, preserved, secure,
// weight, tags (",a,b,", so that a relabelling can look for ",a,"), port_NAME for each further port and
// metadata_KEY for each pair, with _ for what a label's name cannot have. If two keys become one so, the first in their
// order counts.
//
// What the query chooses: service and tag (repeatable; any of the services, all of the tags), zone, healthy=true,
// namespace, which is "default" unless given, and dc, which is the node's own data centre; * is all of them. Unknown parameters are refused, because one that is misspelt
// and ignored passes for a filter that everything fits. Without healthy=true instances are listed whatever their status
// is: who monitors wants to see the one that is down, too.
//
// Guarantees. The whole list each time, in the order of namespace, service and id, since Prometheus tells groups apart by
// their position. A node that is not ready answers 503: Prometheus then keeps the list that it has. The entity tag is
// that of the list's content, so it is the same at all nodes that agree, and a client that holds the list gets 304.
//
// Not guaranteed. That the instances of another data centre are as they are there at this moment: they are as this node
// knows them, and stay listed, preserved, while that data centre cannot be reached.
//
// Concurrency. An API is safe for any number of requests and starts no goroutine.
//
// Bounds. An answer is made anew for each request, and costs what it is long: Prometheus asks once a minute.
package prometheus
