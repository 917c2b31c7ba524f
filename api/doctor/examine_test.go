package doctor

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster"
)

var update = flag.Bool("update", false, "write the recorded findings anew")

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// ago is a time before now.
func ago(d time.Duration) time.Time { return now.Add(-d) }

// well is a node of dc1 with one other member, both gateways, that reaches dc2; nothing is wrong with it.
func well() *Facts {
	member := func(name, address string) muster.Member {
		return muster.Member{
			Name: name, Datacenter: "dc1", State: "alive", Address: address + ":7946", HTTP: address + ":8761", Version: "v1.0.0",
			Since: ago(time.Hour), Self: name == "n1",
		}
	}
	gateway := func(dc, name, state string) muster.Member {
		return muster.Member{Name: name, Datacenter: dc, State: state, Since: ago(time.Minute)}
	}
	holds := func(runs string) *muster.CatalogInfo {
		return &muster.CatalogInfo{Hash: "149ab6e9bbac37ef", Vector: map[string]string{"dc1/n1@1": runs}}
	}
	return &Facts{
		Now:      now,
		Node:     muster.NodeInfo{Name: "n1", Datacenter: "dc1", Started: ago(time.Hour), Ready: true},
		Members:  []muster.Member{member("n1", "10.0.0.1"), member("n2", "10.0.0.2")},
		Gateways: []muster.Member{gateway("dc1", "n1", "alive"), gateway("dc2", "m1", "alive"), gateway("dc2", "m2", "left")},
		SelfPreservation: muster.SelfPreservation{
			Scopes:      []muster.Scope{{Name: "node", State: "NORMAL", Expected: 9, Renewed: 9}},
			Datacenters: []muster.Remote{{Datacenter: "dc2", Reachable: true, Instances: 4, Gateways: []string{"dc1/n1"}, Summary: "dc2 can be reached"}},
		},
		Condition: muster.Condition{
			Gateways: []string{"dc1/n1", "dc1/n2"}, Encrypted: true, Exposed: []string{"10.0.0.1:7946"},
			Snapshot: muster.SnapshotInfo{Dir: "/var/lib/muster", Interval: time.Minute, Since: ago(time.Minute)},
		},
		Certificate: &Certificate{Expires: now.Add(90 * 24 * time.Hour)},
		First:       holds("1-9"),
		Answers: []Answer{{
			Member: "n2", HTTP: "10.0.0.2:8761", Offset: 900 * time.Millisecond, Error: time.Millisecond, Clock: true, First: holds("1-9"),
		}},
	}
}

// Each finding is made by what it is about and by nothing else: a cluster that is well in all but one thing has that
// finding, and what is found is recorded in testdata.
func TestEachTroubleHasItsFindingAndWellnessNone(t *testing.T) {
	holds := func(hash, runs string) *muster.CatalogInfo {
		return &muster.CatalogInfo{Hash: hash, Vector: map[string]string{"dc1/n1@1": runs}}
	}
	another := func(f *Facts, name string) *muster.Member {
		m := f.Members[1]
		m.Name, m.Address, m.HTTP = name, "10.0.0.3:7946", "10.0.0.3:8761"
		f.Members = append(f.Members, m)
		return &f.Members[len(f.Members)-1]
	}
	away := func(f *Facts, instances int, hidden bool) {
		since := ago(90 * time.Minute)
		f.SelfPreservation.Datacenters[0] = muster.Remote{
			Datacenter: "dc2", Since: &since, Instances: instances, Hidden: hidden, Gateways: []string{"dc1/n1"},
			Summary: "dc2 has not been reachable by any path since then, when dc1/n1 reached it last",
		}
	}
	var got bytes.Buffer
	for _, c := range []struct {
		name string
		make func(*Facts)
	}{
		{"nothing is wrong", func(*Facts) {}},
		{"a node that is not ready", func(f *Facts) { f.Node.Ready, f.Node.Reason = false, "no seed has answered yet" }},
		{"a data centre is cut off", func(f *Facts) { away(f, 12, false) }},
		{"a data centre is cut off, and hidden", func(f *Facts) { away(f, 12, true) }},
		{"a data centre without instances is cut off", func(f *Facts) { away(f, 0, false) }},
		{"no gateway", func(f *Facts) { f.Condition.Gateways = nil }},
		{"no gateway, and no other data centre", func(f *Facts) { f.Condition.Gateways, f.SelfPreservation.Datacenters = nil, nil }},
		{"one gateway", func(f *Facts) { f.Condition.Gateways = f.Condition.Gateways[:1] }},
		{"a data centre of one node", func(f *Facts) {
			f.Condition.Gateways, f.Members, f.Answers = f.Condition.Gateways[:1], f.Members[:1], nil
		}},
		{"a gateway elsewhere has failed", func(f *Facts) { f.Gateways[1].State = "failed" }},
		{"self-preservation", func(f *Facts) {
			since := ago(time.Minute)
			f.SelfPreservation.Scopes = append(f.SelfPreservation.Scopes,
				muster.Scope{Name: "zone:a", State: "PRESERVING", Expected: 31, Renewed: 20, Lost: 11, Threshold: 0.85, Since: &since, Preserved: 7, Reason: "11 of 31 leases are silent, more than 15%"},
				muster.Scope{Name: "zone:b", State: "RECOVERING", Expected: 8, Renewed: 8, Since: &since, Preserved: 1, Reason: "enough renew again"},
				muster.Scope{Name: "datacenter:dc2", State: "PRESERVING", Since: &since})
		}},
		{"no lease is judged", func(f *Facts) { f.SelfPreservation.Held = "this process was stopped for 9s" }},
		{"a member has failed", func(f *Facts) { m := another(f, "n3"); m.State, m.Since = "failed", ago(time.Minute) }},
		{"a member has left", func(f *Facts) { another(f, "n3").State = "left" }},
		{"a member flaps", func(f *Facts) { f.Condition.Failures = map[string]int{"n2": 3} }},
		{"a member has failed twice", func(f *Facts) { f.Condition.Failures = map[string]int{"n2": 2} }},
		{"a member cannot be asked", func(f *Facts) { f.Answers[0].Problem = "connection refused" }},
		{"a member's API is on loopback there", func(f *Facts) {
			f.Answers[0].HTTP, f.Answers[0].Problem = "127.0.0.1:8761", `node "n1" answers there`
		}},
		{"a member's API is on loopback here, and silent", func(f *Facts) {
			f.Members[0].Address, f.Members[1].Address = "127.0.0.1:7946", "127.0.0.1:7947"
			f.Answers[0].HTTP, f.Answers[0].Problem = "127.0.0.1:8762", "connection refused"
		}},
		{"one instance is kept", func(f *Facts) { away(f, 1, false) }},
		{"a certificate cannot be checked", func(f *Facts) {
			f.Answers[0].Problem, f.Answers[0].Unverified = "x509: certificate signed by unknown authority", true
		}},
		{"a member has no API", func(f *Facts) { f.Answers[0] = Answer{Member: "n2"} }},
		{"states differ under one vector", func(f *Facts) { f.Answers[0].First = holds("00000000deadbeef", "1-9") }},
		{"states have differed", func(f *Facts) { f.Node.Replication.Divergences = 2 }},
		{"a member lags", func(f *Facts) {
			f.Second, f.Answers[0].First, f.Answers[0].Second = holds("c", "1-20"), holds("a", "1-5"), holds("b", "1-6,8")
		}},
		{"this node lags", func(f *Facts) {
			f.Second, f.Answers[0].First, f.Answers[0].Second = holds("c", "1-9"), holds("a", "1-12"), holds("b", "1-12")
		}},
		{"writes are under way", func(f *Facts) {
			f.Second, f.Answers[0].First, f.Answers[0].Second = holds("c", "1-30"), holds("a", "1-12"), holds("b", "1-20")
		}},
		{"a clock is behind", func(f *Facts) { f.Answers[0].Offset = -3 * time.Second }},
		{"a clock cannot be measured so well", func(f *Facts) { f.Answers[0].Offset, f.Answers[0].Error = 2*time.Second, 1500*time.Millisecond }},
		{"a clock is not known", func(f *Facts) { f.Answers[0].Offset, f.Answers[0].Clock = time.Hour, false }},
		{"the node's own clock is off", func(f *Facts) {
			f.Answers[0].Offset = 61 * time.Second
			f.Answers = append(f.Answers, f.Answers[0])
			f.Answers[1].Member, f.Answers[1].Offset = "n3", 61500*time.Millisecond
		}},
		{"two clocks are off, each in its own way", func(f *Facts) {
			f.Answers[0].Offset = 61 * time.Second
			f.Answers = append(f.Answers, f.Answers[0])
			f.Answers[1].Member, f.Answers[1].Offset = "n3", -61*time.Second
		}},
		{"an address leads nowhere", func(f *Facts) { f.Members[1].Address = "127.0.0.1:7946" }},
		{"an address is unspecified", func(f *Facts) { f.Members[0].Address = "[::]:7946" }},
		{"all are on one machine", func(f *Facts) { f.Members[0].Address, f.Members[1].Address = "127.0.0.1:7946", "127.0.0.1:7947" }},
		{"versions differ", func(f *Facts) { f.Members[1].Version = "v1.1.0" }},
		{"one that has left is of another version", func(f *Facts) { m := another(f, "n3"); m.State, m.Version = "left", "v0.9.0" }},
		{"gossip is not encrypted", func(f *Facts) { f.Condition.Encrypted = false }},
		{"gossip is not encrypted on loopback", func(f *Facts) { f.Condition.Encrypted, f.Condition.Exposed = false, nil }},
		{"no TLS", func(f *Facts) { f.Certificate = nil }},
		{"a certificate expires soon", func(f *Facts) { f.Certificate.Expires = now.Add(73 * time.Hour) }},
		{"a certificate has expired", func(f *Facts) { f.Certificate.Expires = ago(time.Hour) }},
		{"a certificate is broken on disk", func(f *Facts) {
			f.Certificate.Problem, f.Certificate.Since = "tls.crt and tls.key are no certificate with its key", ago(time.Minute)
		}},
		{"a snapshot is not written", func(f *Facts) {
			f.Condition.Snapshot.Problem, f.Condition.Snapshot.Since = "no space left on device", ago(time.Minute)
		}},
		{"a snapshot is late", func(f *Facts) { f.Condition.Snapshot.Since = ago(4 * time.Minute) }},
		{"no data directory", func(f *Facts) { f.Condition.Snapshot.Dir = "" }},
		{"no data directory and no peer", func(f *Facts) {
			f.Condition.Snapshot.Dir, f.SelfPreservation.Datacenters, f.Members, f.Answers = "", nil, f.Members[:1], nil
		}},
		{"no data directory and no peer on loopback", func(f *Facts) {
			f.Condition.Snapshot.Dir, f.SelfPreservation.Datacenters, f.Members, f.Answers, f.Condition.Exposed = "", nil, f.Members[:1], nil, nil
		}},
		{"the worst comes first", func(f *Facts) {
			f.Members[1].Version, f.Node.Ready, f.Node.Reason = "v1.1.0", false, "no seed has answered yet"
			away(f, 0, false)
		}},
	} {
		f := well()
		c.make(f)
		r := Examine(*f)
		fmt.Fprintf(&got, "# %s\n", c.name)
		worst := Info
		for i, x := range r.Findings {
			since := "-"
			if x.Since != nil {
				since = x.Since.Format(time.TimeOnly)
			}
			fmt.Fprintf(&got, "%s %s: %s\n\tsince %s, because: %s\n\tto do: %s\n", x.Severity, x.Subject, x.What, since, x.Why, x.Remedy)
			if i == 0 {
				worst = x.Severity
			}
			if x.Subject == "" || x.What == "" || x.Why == "" || x.Remedy == "" {
				t.Errorf("%s: a finding that says nothing: %+v", c.name, x)
			}
			if i > 0 && r.Findings[i-1].Severity.rank() > x.Severity.rank() {
				t.Errorf("%s: %s comes before %s", c.name, r.Findings[i-1].Severity, x.Severity)
			}
		}
		if r.Healthy != (worst == Info) || r.Node != "n1" || r.Datacenter != "dc1" || !r.At.Equal(now) {
			t.Errorf("%s: the report is %+v", c.name, r)
		}
	}
	const file = "testdata/findings.txt"
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	recorded, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want, have := strings.Split(string(recorded), "# "), strings.Split(got.String(), "# ")
	for i := range have {
		if i >= len(want) || want[i] != have[i] {
			t.Fatalf("not what is recorded:\n%s", have[i])
		}
	}
}

func TestWhatAVectorLacksIsCounted(t *testing.T) {
	for _, c := range []struct {
		had, has map[string]string
		want     int
	}{
		{nil, nil, 0},
		{map[string]string{"a": "1-9"}, map[string]string{"a": "1-9"}, 0},
		{map[string]string{"a": "1-9"}, map[string]string{"a": "1-30"}, 0},
		{map[string]string{"a": "1-9"}, map[string]string{"b": "1-9"}, 9},
		{map[string]string{"a": "1-9,12"}, map[string]string{"a": "1-3,5-8,12"}, 2},
		{map[string]string{"a": "5", "b": "7-8"}, map[string]string{"a": "1-4,6"}, 3},
		{map[string]string{"a": "x-9,9-1,,-"}, map[string]string{"a": "nonsense"}, 0},
	} {
		if got := Lacking(c.had, c.has); got != c.want {
			t.Errorf("%v and %v: %d, want %d", c.had, c.has, got, c.want)
		}
	}
}
