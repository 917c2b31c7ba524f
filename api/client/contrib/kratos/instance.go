package kratos

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/url"
	"strconv"

	"github.com/go-kratos/kratos/v2/registry"

	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/client/contrib/internal/registrar"
)

const (
	// Attributes have what kratos has to get back, and the registry has no field for.
	attributeVersion, attributeEndpoints = "kratos.version", "kratos.endpoints"
	// weightKey is where kratos looks for a weight, in the metadata.
	weightKey     = "weight"
	defaultWeight = 100
)

// toInstance is a service as the registry has it. The error wraps registrar.ErrAddress.
func toInstance(s *registry.ServiceInstance) (client.Instance, error) {
	inst := client.Instance{
		Service: s.Name, ID: s.ID, Metadata: s.Metadata, Ports: map[string]int{}, Attributes: map[string]string{},
	}
	for _, endpoint := range s.Endpoints {
		u, err := url.Parse(endpoint)
		if err != nil {
			return inst, fmt.Errorf("kratos: endpoint %q: %w: %w", endpoint, registrar.ErrAddress, err)
		}
		address, port, err := registrar.Split(u.Host)
		if err != nil {
			return inst, fmt.Errorf("kratos: endpoint %q: %w", endpoint, err)
		}
		if inst.Address == "" {
			inst.Address, inst.Port = address, port
			inst.Secure, _ = strconv.ParseBool(u.Query().Get("isSecure"))
		}
		if inst.Ports[u.Scheme] == 0 && address == inst.Address {
			inst.Ports[u.Scheme] = port
		}
	}
	if inst.Address == "" {
		return inst, fmt.Errorf("kratos: service %s: %w: it has no endpoint", s, registrar.ErrAddress)
	}
	endpoints, err := json.Marshal(s.Endpoints)
	if err != nil {
		return inst, fmt.Errorf("kratos: endpoints: %w", err)
	}
	inst.Attributes[attributeEndpoints] = string(endpoints)
	if s.Version != "" {
		inst.Attributes[attributeVersion], inst.Tags = s.Version, []string{s.Version}
	}
	if weight, err := strconv.Atoi(s.Metadata[weightKey]); err == nil && weight > 0 && weight <= 65535 {
		inst.Weight = weight
	}
	return inst, nil
}

func toServices(instances []*client.Instance) []*registry.ServiceInstance {
	all := make([]*registry.ServiceInstance, 0, len(instances))
	for _, i := range instances {
		all = append(all, toService(i))
	}
	return all
}

// toService is an instance as kratos has it, its own to change.
func toService(i *client.Instance) *registry.ServiceInstance {
	s := &registry.ServiceInstance{
		ID: i.ID, Name: i.Service, Version: cmp.Or(i.Attributes[attributeVersion], i.Metadata["version"]), Metadata: maps.Clone(i.Metadata),
	}
	if i.Weight > 0 && i.Weight != defaultWeight || s.Metadata[weightKey] != "" && i.Weight > 0 {
		if s.Metadata == nil {
			s.Metadata = map[string]string{}
		}
		s.Metadata[weightKey] = strconv.Itoa(i.Weight)
	}
	if json.Unmarshal([]byte(i.Attributes[attributeEndpoints]), &s.Endpoints) != nil || len(s.Endpoints) == 0 {
		s.Endpoints = guessed(i)
	}
	return s
}

// guessed are the endpoints of an instance that kratos has not registered.
func guessed(i *client.Instance) (all []string) {
	for _, scheme := range []string{"grpc", "http"} {
		port := i.Ports[scheme]
		if i.Ports["grpc"] == 0 && i.Ports["http"] == 0 {
			port = i.Port
		}
		if port != 0 {
			host := net.JoinHostPort(i.Address, strconv.Itoa(port))
			all = append(all, scheme+"://"+host+"?isSecure="+strconv.FormatBool(i.Secure))
		}
	}
	return all
}
