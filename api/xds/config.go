package xds

import (
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	managerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// AllServices is the name of the RouteConfiguration that chooses among all services by host.
const AllServices = "services"

// routeName is the name of a service's own RouteConfiguration; no service makes it AllServices.
func routeName(service string) string { return "service/" + service }

// router is the filter that ends every chain; gRPC refuses a listener without it.
var router = must(&routerv3.Router{})

// http2 are the options of a cluster whose instances speak HTTP/2 without being asked, as gRPC does.
var http2 = must(&httpv3.HttpProtocolOptions{
	UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{
		ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
			ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{
				Http2ProtocolOptions: &corev3.Http2ProtocolOptions{},
			},
		},
	},
})

const http2Options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

// overADS says that a resource comes on the stream that is open already.
func overADS() *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
		ResourceApiVersion:    corev3.ApiVersion_V3,
	}
}

// listener is what xds:///service stands for.
func listener(service string) proto.Message {
	return &listenerv3.Listener{
		Name: service,
		ApiListener: &listenerv3.ApiListener{ApiListener: anyOf(&managerv3.HttpConnectionManager{
			StatPrefix: service,
			RouteSpecifier: &managerv3.HttpConnectionManager_Rds{
				Rds: &managerv3.Rds{ConfigSource: overADS(), RouteConfigName: routeName(service)},
			},
			HttpFilters: []*managerv3.HttpFilter{{
				Name:       "envoy.filters.http.router",
				ConfigType: &managerv3.HttpFilter_TypedConfig{TypedConfig: router()},
			}},
		})},
	}
}

// route sends everything to a service.
func route(service string) proto.Message {
	return &routev3.RouteConfiguration{
		Name:         routeName(service),
		VirtualHosts: []*routev3.VirtualHost{virtualHost(service, "*")},
	}
}

// virtualHost sends what is for the domains to a service. Time-outs are the caller's: those of Envoy would end streams.
func virtualHost(service string, domains ...string) *routev3.VirtualHost {
	return &routev3.VirtualHost{
		Name: service, Domains: domains,
		Routes: []*routev3.Route{{
			Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
			Action: &routev3.Route_Route{Route: &routev3.RouteAction{
				ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: service},
				Timeout:          durationpb.New(0),
			}},
		}},
	}
}

// allServices sends what is for NAME and NAME.muster to the service of that name; services are in order. Of two whose
// hosts would be the same, hosts being the same in capitals, only the first has it: Envoy would refuse them all.
func allServices(services []string) proto.Message {
	out := &routev3.RouteConfiguration{Name: AllServices, IgnorePortInHostMatching: true}
	taken := map[string]bool{}
	for _, service := range services {
		if !isHost(service) {
			continue
		}
		var domains []string
		for _, d := range []string{strings.ToLower(service), strings.ToLower(service) + ".muster"} {
			if !taken[d] {
				taken[d] = true
				domains = append(domains, d)
			}
		}
		if len(domains) > 0 {
			out.VirtualHosts = append(out.VirtualHosts, virtualHost(service, domains...))
		}
	}
	return out
}

const hostRunes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

// isHost reports whether a name can stand in a Host header. It has no asterisk, which would catch other services' hosts.
func isHost(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !strings.ContainsRune(hostRunes, r)
	})
}

// cluster is a service whose endpoints come by EDS. Envoy's panic mode is off: with it, traffic goes to instances that an
// operator has taken out as soon as they are half of all.
func cluster(service string, speaksHTTP2 bool) proto.Message {
	c := &clusterv3.Cluster{
		Name:                 service,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
		EdsClusterConfig:     &clusterv3.Cluster_EdsClusterConfig{EdsConfig: overADS()},
		LbPolicy:             clusterv3.Cluster_ROUND_ROBIN,
		CommonLbConfig:       &clusterv3.Cluster_CommonLbConfig{HealthyPanicThreshold: &typev3.Percent{Value: 0}},
	}
	if speaksHTTP2 {
		c.TypedExtensionProtocolOptions = map[string]*anypb.Any{http2Options: http2()}
	}
	return c
}

// serviceOfRoute is the reverse of routeName.
func serviceOfRoute(name string) (service string, ok bool) {
	return strings.CutPrefix(name, "service/")
}
