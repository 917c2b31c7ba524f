package nacos

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/musterhq/muster/api/apitest"
)

// What a client of Nacos says of an instance, clients of Nacos read: the catalog loses nothing of it.
func TestNothingThatAClientSaysIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		node := apitest.New()
		api := New(node, Config{})
		metadata := rapid.MapOfN(rapid.StringMatching(`[a-z."{]{1,8}`), rapid.StringMatching(`[a-z &;%="]{0,8}`), 0, 4).Draw(r, "metadata")
		text, err := json.Marshal(metadata)
		if err != nil {
			r.Fatal(err)
		}
		service := name{rapid.SampledFrom([]string{defaultGroup, "BLUE", "a.b"}).Draw(r, "group"), rapid.StringMatching(`[a-zA-Z.-]{1,12}`).Draw(r, "service")}
		want := host{
			IP: "10.0.0.1", Port: rapid.IntRange(1, 65535).Draw(r, "port"), Healthy: rapid.Bool().Draw(r, "healthy"), Enabled: true,
			Weight:    weight(rapid.OneOf(rapid.Float64Range(0, maxWeight), rapid.SampledFrom([]float64{0, 0.01, 0.5, 1, 2, 100, 655.36, maxWeight})).Draw(r, "weight")),
			Ephemeral: rapid.Bool().Draw(r, "ephemeral"), ClusterName: rapid.SampledFrom([]string{defaultCluster, "HZ", "a-1"}).Draw(r, "cluster"),
			ServiceName: service.String(), Metadata: metadata, Interval: 5000, Timeout: 15000, Remove: 30000, Generator: "simple",
		}
		if want.Weight == 0 {
			want.Healthy = true // Whether it is well besides is no field's business.
		}
		want.InstanceID = instanceID(want.IP, want.Port, want.ClusterName, service)
		namespace := rapid.SampledFrom([]string{publicNamespace, "team-a"}).Draw(r, "namespace")
		form := url.Values{
			"namespaceId": {namespace}, "serviceName": {service.service}, "groupName": {service.group}, "ip": {want.IP},
			"port": {strconv.Itoa(want.Port)}, "weight": {want.Weight.String()}, "healthy": {strconv.FormatBool(want.Healthy)},
			"ephemeral": {strconv.FormatBool(want.Ephemeral)}, "clusterName": {want.ClusterName}, "metadata": {string(text)},
		}.Encode()
		must(t, api, http.MethodPost, base+"ns/instance", form)
		got := listed(t, api, url.Values{"namespaceId": {namespace}, "serviceName": {service.String()}}.Encode())
		if len(got) != 1 || fmt.Sprintf("%+v", got[0]) != fmt.Sprintf("%+v", want) || !maps.Equal(got[0].Metadata, metadata) {
			r.Fatalf("%s\n got %+v\nwant %+v", form, got, want)
		}
	})
}

// A host is written as the standard library would write it.
func TestAHostIsWrittenAsTheStandardLibraryWould(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		h := host{
			InstanceID: rapid.String().Draw(r, "id"), IP: rapid.String().Draw(r, "ip"), Port: rapid.Int().Draw(r, "port"),
			Weight: weight(rapid.Float64Range(0, maxWeight).Draw(r, "weight")), Healthy: rapid.Bool().Draw(r, "healthy"),
			Enabled: rapid.Bool().Draw(r, "enabled"), Ephemeral: rapid.Bool().Draw(r, "ephemeral"),
			ClusterName: rapid.String().Draw(r, "cluster"), ServiceName: rapid.String().Draw(r, "service"),
			Metadata: rapid.MapOfN(rapid.String(), rapid.String(), 0, 4).Draw(r, "metadata"),
			Interval: rapid.Int64().Draw(r, "interval"), Timeout: rapid.Int64().Draw(r, "timeout"), Remove: rapid.Int64().Draw(r, "remove"),
			Generator: rapid.String().Draw(r, "generator"),
		}
		want, err := encode(&h)
		if got := h.append(nil); err != nil || string(got) != string(want) {
			r.Fatalf("%v\n%s\nwant\n%s", err, got, want)
		}
	})
}

// Reading a form never loses a pair that the client escaped, and keeps what it did not escape as it stands.
func TestAFormIsReadWhetherItIsEscapedOrNot(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		values := rapid.MapOfN(rapid.StringMatching(`[a-zA-Z.]{1,8}`), rapid.String(), 0, 8).Draw(r, "values")
		form := url.Values{}
		for key, value := range values {
			form.Set(key, value)
		}
		p := params{}
		if err := p.add(form.Encode()); err != nil || !maps.Equal(map[string]string(p), values) {
			r.Fatalf("%q: %q, %v", form.Encode(), p, err)
		}
		raw := rapid.StringMatching(`[a-z;{}":,%/]{1,30}%`).Draw(r, "raw")
		p = params{}
		if err := p.add("x=1&beat=" + raw + "&y=2"); err != nil || p["beat"] != raw || p["y"] != "2" {
			r.Fatalf("%q: %q, %v", raw, p, err)
		}
	})
}
