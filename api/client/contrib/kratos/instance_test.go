package kratos

import (
	"errors"
	"slices"
	"testing"

	"github.com/go-kratos/kratos/v2/registry"

	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/client/contrib/internal/registrar"
)

func TestKratosGetsBackWhatItGave(t *testing.T) {
	for _, s := range []*registry.ServiceInstance{
		{ID: "1", Name: "payments", Endpoints: []string{"http://10.0.0.1:80"}},
		{
			ID: "1", Name: "payments", Version: "v2", Metadata: map[string]string{"weight": "7", "team": "money"},
			Endpoints: []string{"grpc://10.0.0.1:81?isSecure=true", "http://10.0.0.1:80", "http://10.0.0.2:80"},
		},
	} {
		i, err := toInstance(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := toService(&i); !got.Equal(s) {
			t.Errorf("kratos gets %+v back for %+v", got, s)
		}
	}
}

func TestOthersFindWhatKratosGave(t *testing.T) {
	i, err := toInstance(&registry.ServiceInstance{
		ID: "1", Name: "payments", Version: "v2", Metadata: map[string]string{"weight": "7"},
		Endpoints: []string{"grpc://10.0.0.1:81?isSecure=true", "http://10.0.0.1:80", "http://10.0.0.2:82"},
	})
	if err != nil || i.Address != "10.0.0.1" || i.Port != 81 || !i.Secure || i.Weight != 7 || i.Ports["grpc"] != 81 || i.Ports["http"] != 80 ||
		len(i.Tags) != 1 || i.Tags[0] != "v2" {
		t.Errorf("%+v, %v", i, err)
	}
}

func TestKratosFindsWhatOthersGave(t *testing.T) {
	for _, c := range []struct {
		inst   client.Instance
		want   []string
		weight string
	}{
		{client.Instance{Address: "10.0.0.1", Port: 80, Weight: 100}, []string{"grpc://10.0.0.1:80?isSecure=false", "http://10.0.0.1:80?isSecure=false"}, ""},
		{
			client.Instance{Address: "::1", Port: 80, Weight: 7, Secure: true, Ports: map[string]int{"grpc": 81, "debug": 82}},
			[]string{"grpc://[::1]:81?isSecure=true"},
			"7",
		},
		{ // An operator has changed the weight.
			client.Instance{Address: "10.0.0.1", Port: 80, Weight: 100, Ports: map[string]int{"http": 80}, Metadata: map[string]string{"weight": "7", "version": "v1"}},
			[]string{"http://10.0.0.1:80?isSecure=false"},
			"100",
		},
	} {
		s := toService(&c.inst)
		if !slices.Equal(s.Endpoints, c.want) || s.Metadata["weight"] != c.weight || s.Version != c.inst.Metadata["version"] {
			t.Errorf("%+v is %+v, want the endpoints %v and the weight %s", c.inst, s, c.want, c.weight)
		}
	}
}

func TestAServiceThatNobodyCanCallIsNotRegistered(t *testing.T) {
	for _, endpoints := range [][]string{nil, {"http://0.0.0.0:80"}, {"http://:80"}, {"http://10.0.0.1"}, {"%zz"}} {
		if i, err := toInstance(&registry.ServiceInstance{ID: "1", Name: "payments", Endpoints: endpoints}); !errors.Is(err, registrar.ErrAddress) {
			t.Errorf("%v is %+v, %v", endpoints, i, err)
		}
	}
}
