package grpcresolver

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// target is what a target says.
type target struct {
	service        string
	zone, dc, port string // "" is any, and the main port
	tags           []string
	policy         string  // "" is the builder's
	health         *string // nil asks nobody; "" is the server as a whole
}

// parseTarget reads muster:///service?query. The error wraps ErrTarget.
func parseTarget(u url.URL) (target, error) {
	wrong := func(why string) (target, error) {
		return target{}, fmt.Errorf("%w: %s: %s", ErrTarget, u.String(), why)
	}
	t := target{service: strings.TrimPrefix(u.Path, "/")}
	if t.service == "" {
		t.service = u.Opaque
	}
	switch {
	case t.service == "":
		return wrong("a target is muster:///SERVICE")
	case u.Host != "":
		return wrong("has a host, which the client's config has: a target is muster:///SERVICE")
	case u.Fragment != "":
		return wrong("has a fragment")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return wrong(err.Error())
	}
	for name, values := range query {
		if name == "tag" {
			t.tags = values
			continue
		}
		if len(values) > 1 {
			return wrong("has " + name + " twice")
		}
		switch value := values[0]; name {
		case "zone":
			t.zone = value
		case "dc":
			t.dc = value
		case "port":
			t.port = value
		case "lb":
			t.policy = value
		case "health":
			t.health = &value
		default:
			return wrong("does not know " + name + ": there are zone, dc, tag, port, lb and health")
		}
	}
	if t.health != nil && t.policy == None {
		return wrong("has health in a service config that is not to be sent")
	}
	return t, nil
}

// serviceConfig is the JSON for the channel, "" for none. What the target says counts for more than what the builder says.
func (t target) serviceConfig(builders string) string {
	if t.policy == "" && t.health == nil && builders != "" {
		if builders == None {
			return ""
		}
		return builders
	}
	if t.policy == None {
		return ""
	}
	type check struct {
		ServiceName string `json:"serviceName"`
	}
	config := struct {
		LoadBalancingConfig []map[string]struct{} `json:"loadBalancingConfig"`
		HealthCheckConfig   *check                `json:"healthCheckConfig,omitempty"`
	}{LoadBalancingConfig: []map[string]struct{}{{"round_robin": {}}}}
	if t.policy != "" {
		config.LoadBalancingConfig[0] = map[string]struct{}{t.policy: {}}
	}
	if t.health != nil {
		config.HealthCheckConfig = &check{*t.health}
	}
	b, _ := json.Marshal(config) // Strings in maps and structs: there is nothing to go wrong.
	return string(b)
}
