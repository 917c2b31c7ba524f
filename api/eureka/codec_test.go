package eureka

import (
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/musterhq/muster"
)

// drawInfo is any instance that a client may register.
func drawInfo(t *rapid.T) info {
	word := rapid.StringMatching(`[a-zA-Z0-9.é-]{1,12}`)
	maybe := rapid.StringMatching(`([a-zA-Z0-9:/.,<>&"' é-]{1,20})?`)
	texts := func(label string) map[string]string {
		m := rapid.MapOfN(rapid.StringMatching(`[a-zA-Z0-9_$: .é世☃-]{1,8}`), maybe, 0, 4).Draw(t, label)
		if len(m) == 0 {
			return nil
		}
		return m
	}
	ports := func(label string) port {
		return port{rapid.Int64Range(-1, 70000).Draw(t, label), rapid.Bool().Draw(t, label+" enabled")}
	}
	i := info{
		id: word.Draw(t, "id"), host: word.Draw(t, "host"), app: appOf(word.Draw(t, "app")), ip: word.Draw(t, "ip"),
		sid:    rapid.SampledFrom([]string{none, "s1"}).Draw(t, "sid"),
		status: muster.Status(rapid.IntRange(1, 5).Draw(t, "status")),
		port:   ports("port"), securePort: ports("secure port"), country: rapid.Int64Range(0, 9).Draw(t, "country"),
		datacenter: datacenter{name: rapid.SampledFrom([]string{myOwn, amazon, netflix}).Draw(t, "data centre")},
		lease:      lease{renewal: rapid.Int64Range(1, 100).Draw(t, "renewal"), duration: rapid.Int64Range(1, 100_000).Draw(t, "duration")},
		metadata:   texts("metadata"),
		group:      maybe.Draw(t, "group"), homePage: maybe.Draw(t, "home page"), statusPage: maybe.Draw(t, "status page"),
		healthCheck: maybe.Draw(t, "health check"), secureHealthCheck: maybe.Draw(t, "secure health check"),
		vip: maybe.Draw(t, "vip"), secureVIP: maybe.Draw(t, "secure vip"), coordinating: rapid.Bool().Draw(t, "coordinating"),
		updated: rapid.Int64Range(0, 1<<42).Draw(t, "updated"), dirty: rapid.Int64Range(1, 1<<42).Draw(t, "dirty"), asg: maybe.Draw(t, "asg"),
	}
	if i.datacenter.name == amazon {
		i.datacenter.metadata = texts("amazon")
	}
	return i
}

// trimmed is an info as a reader of XML has it: text of white space alone is none.
func trimmed(i info) info {
	for _, s := range []*string{&i.group, &i.homePage, &i.statusPage, &i.healthCheck, &i.secureHealthCheck, &i.vip, &i.secureVIP, &i.asg} {
		if strings.TrimSpace(*s) == "" {
			*s = ""
		}
	}
	for _, m := range []*map[string]string{&i.metadata, &i.datacenter.metadata} {
		*m = maps.Clone(*m)
		for k, v := range *m {
			if strings.TrimSpace(v) == "" {
				(*m)[k] = ""
			}
		}
	}
	return i
}

// What is written is what is read, in both languages.
func TestAnInstanceSurvivesItsOwnEncoding(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		i := drawInfo(t)
		json := appendJSON(nil, &i, "")
		got, err := decodeInstance(json)
		if err != nil || !reflect.DeepEqual(got, i) {
			t.Fatalf("%v\n%s\ngot  %+v\nwant %+v", err, json, got, i)
		}
		doc := appendXML(nil, &i, "")
		if got, err = decodeXML(doc); err != nil || !reflect.DeepEqual(got, trimmed(i)) {
			t.Fatalf("%v\n%s\ngot  %+v\nwant %+v", err, doc, got, i)
		}
	})
}

// What the catalog has no field for is not lost: an instance comes back from it as it was registered, but for the times
// and the status that are the registry's to say.
func TestAnInstanceComesBackFromTheCatalogAsItWas(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		i := drawInfo(t)
		inst := i.instance()
		inst.RegisteredAt = time.UnixMilli(rapid.Int64Range(1, 1<<42).Draw(t, "registered"))
		if err := inst.Complete(); err != nil {
			t.Fatal(err)
		}
		got := describe(&inst)
		want := i
		want.updated, want.override = got.updated, got.override
		want.lease.registered, want.lease.renewed, want.lease.serviceUp = got.updated, got.updated, got.updated
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v\nattributes %v", got, want, inst.Attributes)
		}
	})
}

// An instance that says nothing beyond what one would guess costs no attribute.
func TestWhatCanBeGuessedIsNotKept(t *testing.T) {
	t.Parallel()
	i := blank()
	i.id, i.app, i.ip, i.host, i.vip, i.datacenter.name = "i", "PAY", "10.0.0.1", "10.0.0.1", "pay", myOwn
	i.port, i.securePort = port{80, true}, port{usualSecurePort, false}
	if inst := i.instance(); inst.Attributes != nil {
		t.Errorf("attributes %v", inst.Attributes)
	}
}

// The port that other dialects connect to is one at which the instance answers, if it has any.
func TestTheCatalogsPortIsOneThatIsEnabled(t *testing.T) {
	t.Parallel()
	on, off := func(n int64) port { return port{n, true} }, func(n int64) port { return port{n, false} }
	for _, c := range []struct {
		plain, secure port
		port          int
		tls           bool
		second        int
	}{
		{on(80), off(443), 80, false, 0},
		{on(80), on(443), 80, false, 443},
		{off(80), on(443), 443, true, 0},
		{off(80), off(443), 80, false, 0},
		{on(0), on(443), 443, true, 0},
		{on(0), off(443), discard, false, 0},
		{on(80), on(0), 80, false, 0},
		{on(70000), off(-1), discard, false, 0},
	} {
		i := info{port: c.plain, securePort: c.secure, lease: lease{duration: 90}}
		inst := i.instance()
		if inst.Port != c.port || inst.Secure != c.tls || inst.Ports[secureName] != c.second {
			t.Errorf("%v and %v: port %d, TLS %v, ports %v", c.plain, c.secure, inst.Port, inst.Secure, inst.Ports)
		}
		if got := describe(&inst); got.port != c.plain || got.securePort != c.secure {
			t.Errorf("%v and %v came back as %v and %v", c.plain, c.secure, got.port, got.securePort)
		}
	}
}

// Attributes that somebody else wrote, with values that make no sense, cannot break the schema.
func TestAttributesThatMakeNoSenseAreIgnored(t *testing.T) {
	t.Parallel()
	inst := muster.Instance{Service: "s", ID: "i", Address: "h", Port: 1, Attributes: map[string]string{
		"eureka.port": "many", "eureka.securePort": "1 maybe", "eureka.countryId": "x", "eureka.lastDirtyTimestamp": "yesterday",
		"eureka.dataCenterInfo.name": "Azure", "eureka.nothing": "x", "consul.x": "y",
	}}
	got, bare := describe(&inst), inst
	bare.Attributes = nil
	if want := describe(&bare); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Any metadata key is a name that readers written in Go take, and that stands for the key.
func TestAnyKeyIsANameThatIsRead(t *testing.T) {
	t.Parallel()
	hard := rapid.SampledFrom([]string{"a:b:c", "::", "_", "__", "$", "_.0041", "1", "-", ".", "xml", "ĳ", "😀", "a b", "é", "世界", "\x00"})
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.OneOf(hard, rapid.StringN(1, 8, 40)).Draw(t, "key")
		name := string(appendXMLName(nil, key))
		if got := keyOfXMLName(name); got != key {
			t.Fatalf("%q became %q and came back as %q", key, name, got)
		}
		d := xml.NewDecoder(strings.NewReader("<" + name + "></" + name + ">"))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%q became %q: %v", key, name, err)
			}
		}
	})
}

// Whatever is in a text, both languages can say it: characters that XML does not have are replaced.
func TestAnyTextIsWellFormed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		i := info{id: rapid.String().Draw(t, "text"), metadata: map[string]string{"k": rapid.String().Draw(t, "value")}}
		if _, err := decodeInstance(appendJSON(nil, &i, "")); err != nil {
			t.Fatal(err)
		}
		b := appendXML(nil, &i, "")
		if _, err := decodeXML(b); err != nil || !utf8.Valid(b) {
			t.Fatal(err)
		}
	})
}

// Servers of every age are read: those that write an array of one as what is in it, and those that write nothing for none.
func TestTheRegistryOfAServerOfAnyAgeIsRead(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"applications":{"application":[{"name":"A","instance":[{"a":1},{"b":2}]},{"name":"B","instance":[]}]}}`: `{"a":1} {"b":2}`,
		`{"applications":{"application":{"name":"A","instance":{"a":1}}}}`:                                        `{"a":1}`,
		`{"applications":{"application":[{"name":"A"}]}}`:                                                         "",
		`{"applications":{"versions__delta":1}}`:                                                                  "",
	} {
		var got []string
		objects, err := SplitApplications([]byte(body))
		for _, o := range objects {
			got = append(got, string(o))
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %q, %v", body, got, err)
		}
	}
	for _, body := range []string{"", "[]", "{}", `{"applications":1}`, `{"applications":{"application":[1]}}`} {
		if _, err := SplitApplications([]byte(body)); !errors.Is(err, errBody) {
			t.Errorf("%s: %v", body, err)
		}
	}
}
