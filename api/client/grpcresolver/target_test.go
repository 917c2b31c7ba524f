package grpcresolver

import (
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

func TestATargetIsAServiceAndAQuery(t *testing.T) {
	whole := ""
	one := "pay.Service"
	for text, want := range map[string]target{
		"muster:///payments":                     {service: "payments"},
		"muster:payments":                        {service: "payments"},
		"muster:///a%2Fb":                        {service: "a/b"},
		"muster:///payments?":                    {service: "payments"},
		"muster:///p?zone=a&dc=dc2&port=grpc":    {service: "p", zone: "a", dc: "dc2", port: "grpc"},
		"muster:///p?tag=v2&tag=eu":              {service: "p", tags: []string{"v2", "eu"}},
		"muster:///p?lb=muster_weighted&health=": {service: "p", policy: "muster_weighted", health: &whole},
		"muster:///p?health=pay.Service":         {service: "p", health: &one},
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parseTarget(*u); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestWhatATargetCannotSayIsAnErrorThatNamesIt(t *testing.T) {
	for text, word := range map[string]string{
		"muster:///":                      "SERVICE",
		"muster://n1:8761/payments":       "host",
		"muster:///p#part":                "fragment",
		"muster:///p?zones=a":             "zones",
		"muster:///p?zone=a&zone=b":       "twice",
		"muster:///p?zone=%zz":            "%zz",
		"muster:///p?lb=none&health=":     "health",
		"muster:///p?lb=round_robin&lb=x": "lb",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = parseTarget(*u)
		if !errors.Is(err, ErrTarget) || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v; want it to say %s", text, err, word)
		}
	}
}

// FuzzTarget looks for a target that panics, or that is taken for a service without a name.
func FuzzTarget(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		u, err := url.Parse(text)
		if err != nil {
			return
		}
		got, err := parseTarget(*u)
		if (err == nil) == (got.service == "") || err != nil && !errors.Is(err, ErrTarget) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	})
}

func TestWhatATargetSaysOfBalancingCountsForMoreThanTheBuilder(t *testing.T) {
	whole := ""
	const own = `{"loadBalancingConfig":[{"ring_hash_experimental":{}}]}`
	for _, c := range []struct {
		target   target
		builders string
		want     string
	}{
		{target{}, "", `{"loadBalancingConfig":[{"round_robin":{}}]}`},
		{target{}, own, own},
		{target{}, None, ""},
		{target{policy: None}, own, ""},
		{target{policy: "pick_first"}, None, `{"loadBalancingConfig":[{"pick_first":{}}]}`},
		{target{health: &whole}, own, `{"loadBalancingConfig":[{"round_robin":{}}],"healthCheckConfig":{"serviceName":""}}`},
	} {
		if got := c.target.serviceConfig(c.builders); got != c.want {
			t.Errorf("%+v, builder %q: %s; want %s", c.target, c.builders, got, c.want)
		}
	}
}
