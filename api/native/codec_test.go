package native

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/musterhq/muster"
)

func drawInstance(t *rapid.T) muster.Instance {
	text := rapid.OneOf(rapid.StringN(1, 12, 40), rapid.SampledFrom([]string{`a"b`, `\`, "<&>", "\u2028", "é", "日本"})).
		Filter(func(s string) bool { return utf8.ValidString(s) })
	name := rapid.StringMatching(`[a-zA-Z0-9._ "\\<é-]{1,12}`)
	inst := muster.Instance{
		Namespace: name.Draw(t, "namespace"), Service: name.Draw(t, "service"), ID: name.Draw(t, "id"),
		Address: rapid.SampledFrom([]string{"10.0.0.1", "::1", "host.example"}).Draw(t, "address"),
		Port:    rapid.IntRange(1, 65535).Draw(t, "port"),
		Zone:    rapid.SampledFrom([]string{"", "a", `"`}).Draw(t, "zone"),
		Weight:  rapid.IntRange(1, 65535).Draw(t, "weight"),
		Secure:  rapid.Bool().Draw(t, "secure"),
		Status:  muster.Status(rapid.IntRange(1, 5).Draw(t, "status")),
		TTL:     time.Duration(rapid.Int64Range(int64(time.Second), int64(24*time.Hour)).Draw(t, "ttl")),
	}
	if n := rapid.IntRange(0, 3).Draw(t, "tags"); n > 0 {
		inst.Tags = rapid.SliceOfN(name, n, n).Draw(t, "tag")
	}
	if m := rapid.MapOfN(name, text, 0, 3).Draw(t, "metadata"); len(m) > 0 {
		inst.Metadata = m
	}
	if m := rapid.MapOfN(name, rapid.IntRange(1, 65535), 0, 3).Draw(t, "ports"); len(m) > 0 {
		inst.Ports = m
	}
	for n := range rapid.IntRange(0, 2).Draw(t, "checks") {
		c := muster.Check{ID: strconv.Itoa(n), TCP: "host:80", Interval: time.Duration(rapid.Int64Range(1e9, 1e12).Draw(t, "interval")), Timeout: time.Second}
		if rapid.Bool().Draw(t, "http") {
			c = muster.Check{ID: strconv.Itoa(n), HTTP: "http://host/?a=\"b\"", Interval: time.Second, Timeout: time.Second}
		}
		inst.Checks = append(inst.Checks, c)
	}
	return inst
}

func TestOnlyWhatIsNotExportedSaysSo(t *testing.T) {
	for private, want := range map[bool]string{true: `,"exported":false,`, false: ""} {
		inst := muster.Instance{Service: "s", ID: "1", Address: "10.0.0.1", Port: 80, Private: private, RegisteredAt: time.Unix(1, 0)}
		if got := string(appendInstance(nil, &inst, time.Time{}, 0)); strings.Contains(got, "exported") != private || !strings.Contains(got, want) {
			t.Errorf("private %v: %s", private, got)
		}
	}
}

// withoutAnswered drops what a registration must not have.
func withoutAnswered(t interface{ Fatal(...any) }, encoded []byte) []byte {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(encoded, &members); err != nil {
		t.Fatal(err, string(encoded))
	}
	for _, name := range answered {
		delete(members, name)
	}
	b, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// registration is the instance that a body describes.
func registration(body []byte) (muster.Instance, error) {
	src, err := object(body)
	if err != nil {
		return muster.Instance{}, err
	}
	return decodeRegistration(src, "")
}

func TestWhatIsAnsweredCanBeRegistered(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := drawInstance(t)
		encoded := appendInstance(nil, &want, time.Time{}, 7)
		if !json.Valid(encoded) {
			t.Fatalf("not JSON: %s", encoded)
		}
		got, err := registration(withoutAnswered(t, encoded))
		if err != nil {
			t.Fatalf("%v: %s", err, encoded)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v\nwant %+v\nby %s", got, want, encoded)
		}
	})
}

func TestStringsAreThoseOfEncodingJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		var got string
		encoded := appendString(nil, s)
		if err := json.Unmarshal(encoded, &got); err != nil || !utf8.Valid(encoded) {
			t.Fatalf("%q became %s: %v", s, encoded, err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); !utf8.ValidString(s) {
			want = string([]rune(s)) // each bad byte is one replacement
			if got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		} else if got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

func TestTimesThatRFC3339CannotWriteAreLeftOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{time.Time{}, ""},
		{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), ""},
		{time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), ""},
		{time.Date(2026, 1, 2, 3, 4, 5, 60, time.FixedZone("", 3600)), `,"at":"2026-01-02T02:04:05.00000006Z"`},
	} {
		if got := string(appendTime(nil, "at", c.at)); got != c.want {
			t.Errorf("%v: got %s, want %s", c.at, got, c.want)
		}
	}
}

func TestNullCountsAsNotGiven(t *testing.T) {
	t.Parallel()
	inst, err := decodeRegistration(`{"service":"s","address":"a","port":1,"id":null,"tags":null,"weight":null,"ttl": null ,"checks":[{"tcp":"h:1","http":null}]}`, "")
	if err != nil || inst.ID != "" || inst.Tags != nil || inst.Weight != 0 || len(inst.Checks) != 1 {
		t.Errorf("%+v, %v", inst, err)
	}
}

func TestPatchTellsNullFromAbsent(t *testing.T) {
	t.Parallel()
	patch, err := decodePatch(`{"set":"x","gone": null}`)
	if err != nil || len(patch) != 2 || *patch["set"] != "x" || patch["gone"] != nil {
		t.Errorf("%v, %v", patch, err)
	}
}

// Whatever is sent, it is taken or refused with the fields at fault, here or by the node; what is taken survives being
// answered and sent again.
func FuzzRegistration(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		inst, err := registration(body)
		if err != nil {
			p, ok := errors.AsType[*Problem](err)
			if !ok || p.Detail == "" || p.Status == 422 && len(p.Fields) == 0 {
				t.Fatalf("refused without a reason: %v", err)
			}
			return
		}
		if err := inst.Complete(); err != nil {
			if invalid, ok := errors.AsType[*muster.InvalidError](err); !ok || len(invalid.Fields) == 0 {
				t.Fatalf("refused by the node without a reason: %v", err)
			}
			return
		}
		again, err := registration(withoutAnswered(t, appendInstance(nil, &inst, time.Time{}, 0)))
		if err != nil {
			t.Fatalf("taken once and not again: %v", err)
		}
		// An empty map and none are the same to a client.
		if maps.Equal(again.Metadata, inst.Metadata) && maps.Equal(again.Ports, inst.Ports) {
			again.Metadata, again.Ports = inst.Metadata, inst.Ports
		}
		if !reflect.DeepEqual(again, inst) {
			t.Fatalf("taken as %+v and then as %+v", inst, again)
		}
	})
}
