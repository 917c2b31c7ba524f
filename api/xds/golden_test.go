package xds

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/musterhq/muster/api/client"
)

var update = flag.Bool("update", false, "write what is instead of comparing with what should be")

// goldenCase is a cluster as a golden file has it.
type goldenCase struct {
	Datacenter string                        `json:"datacenter"`
	Near       []string                      `json:"near"`
	Services   map[string][]*client.Instance `json:"services"`
}

// Each testdata/golden/NAME.json is what a cluster has, and NAME.golden the resources that are made of it.
func TestServicesBecomeTheResourcesOfTheGoldenFiles(t *testing.T) {
	inputs, err := filepath.Glob("testdata/golden/*.json")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, input := range inputs {
		t.Run(strings.TrimSuffix(filepath.Base(input), ".json"), func(t *testing.T) {
			b, err := os.ReadFile(input)
			if err != nil {
				t.Fatal(err)
			}
			var in goldenCase
			if err := json.Unmarshal(b, &in); err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(input, ".json") + ".golden"
			got := render(t, in)
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// render is all resources, by kind and name, and what was left out.
func render(t *testing.T, in goldenCase) []byte {
	t.Helper()
	c := NewCatalog(in.Datacenter, time.Minute)
	for name, instances := range in.Services {
		c.Put(name, instances, time.Time{})
		if len(instances) == 0 {
			t.Fatalf("service %s has no instances, and so is none", name)
		}
	}
	c.Order(in.Near)
	snap := c.Snapshot()
	var out bytes.Buffer
	for k := range kinds {
		for _, name := range snap.names {
			one(t, &out, snap.find(k, k.pointsToSelf(name)))
		}
	}
	one(t, &out, snap.find(routes, AllServices))
	for _, reason := range []string{"duplicate", "hostname", "invalid"} {
		if n := c.Skipped()[reason]; n > 0 {
			out.WriteString("left out, " + reason + ": " + string(rune('0'+n)) + "\n")
		}
	}
	return out.Bytes()
}

// pointsToSelf is the name that the resource of kind k of a service has.
func (k kind) pointsToSelf(service string) string {
	if k == routes {
		return routeName(service)
	}
	return service
}

func one(t *testing.T, out *bytes.Buffer, r *resource) {
	t.Helper()
	m, err := r.body.UnmarshalNew()
	if err != nil {
		t.Fatal(err)
	}
	b, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	// protojson puts in spaces at random, so that nobody compares it.
	var compact, pretty bytes.Buffer
	if err := json.Compact(&compact, b); err != nil {
		t.Fatal(err)
	}
	if err := json.Indent(&pretty, compact.Bytes(), "", "  "); err != nil {
		t.Fatal(err)
	}
	out.WriteString("-- " + strings.TrimPrefix(r.body.GetTypeUrl(), typePrefix) + " " + r.name + "\n" + pretty.String() + "\n")
}
