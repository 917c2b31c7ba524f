package proc

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// A data centre is lost. In the others every answer about services that are elsewhere, in every dialect, stays as it was
// to the byte; what is registered there is kept, and marked, with the reason and the time. There it is the same the other
// way round. After the heal the marks go, and every answer is what it was before.
func TestLossOfADatacenterChangesNoAnswerAboutTheOthers(t *testing.T) {
	const lost = 3
	w := newWorld(t, "loss", 3)
	w.start(binary(t))
	for d := 1; d <= w.datacenters; d++ {
		for i, h := range w.of(d) {
			a := w.agents[h]
			for _, service := range []string{"web", fmt.Sprintf("only%d", d)} { // One that is everywhere, and one that is here.
				for k := range 4 {
					id := fmt.Sprintf("%s-%s-%d", service, h.name, k)
					reg := registration(service, id, map[string]string{"version": strconv.Itoa(k)})
					reg["address"], reg["tags"] = fmt.Sprintf("10.%d.%d.%d", d, i, k+1), []string{"v1"}
					a.post(reg)
				}
			}
		}
	}
	w.everywhere(10*time.Second, "equal", func(a *agent) bool { return len(a.instances("web?dc=*")) == 24 && w.equal() })

	here, there := others(w.hosts, w.of(lost)), w.of(lost)
	// By host, the data centres on its side.
	sides := map[*host][]int{}
	for _, h := range here {
		sides[h] = []int{1, 2}
	}
	for _, h := range there {
		sides[h] = []int{3}
	}
	before, whole := map[*host]map[string]string{}, map[*host]map[string]string{}
	for h, near := range sides {
		before[h], whole[h] = w.answers(h, near), w.answers(h, []int{1, 2, 3})
	}

	w.partition(here, there)
	cut := time.Now()
	for h, near := range sides {
		var far []string
		for d := 1; d <= w.datacenters; d++ {
			if !slices.Contains(near, d) {
				far = append(far, fmt.Sprintf("dc%d", d))
			}
		}
		w.agents[h].until(40*time.Second, "marking what cannot be reached", func() bool {
			return slices.Equal(away(w.agents[h]), far) && w.marked(h, far)
		})
	}
	t.Logf("marked everywhere %.1f s after the cut", time.Since(cut).Seconds())
	for h, near := range sides {
		same(t, h, "with a data centre lost", before[h], w.answers(h, near))
		w.explains(h, near, cut)
	}

	w.heal()
	healed := time.Now()
	for h := range sides {
		w.agents[h].until(40*time.Second, "rid of the marks", func() bool {
			return len(away(w.agents[h])) == 0 && !w.marked(h, []string{"dc1"}) && !w.marked(h, []string{"dc2"}) && !w.marked(h, []string{"dc3"})
		})
	}
	t.Logf("the marks are gone everywhere %.1f s after the heal", time.Since(healed).Seconds())
	for h := range sides {
		same(t, h, "after the heal", whole[h], w.answers(h, []int{1, 2, 3}))
	}
}

// same compares answers with those of before.
func same(t *testing.T, h *host, when string, before, now map[string]string) {
	t.Helper()
	if len(before) != len(now) || len(before) == 0 {
		t.Errorf("%s: %d answers, %d before", h.name, len(now), len(before))
	}
	for question, answer := range before {
		if now[question] != answer {
			t.Errorf("%s, asked %s %s:\n%s\nbefore:\n%s", h.name, question, when, now[question], answer)
		}
	}
}

// marked reports whether a host shows as preserved all that is registered in data centres, each of which has some.
func (w *world) marked(h *host, datacenters []string) bool {
	for _, dc := range datacenters {
		for _, service := range []string{"web", "only" + dc[2:]} {
			all := w.agents[h].instances(service + "?dc=" + dc)
			for _, i := range all {
				if !i.Preserved || i.Status != "UP" {
					return false
				}
			}
			if len(all) != 8 {
				return false
			}
		}
	}
	return true
}

// explains holds a host to what it says of those data centres that it does not reach: which, why, since when, and how
// many instances there it keeps.
func (w *world) explains(h *host, near []int, cut time.Time) {
	t, a := w.t, w.agents[h]
	t.Helper()
	var sp struct {
		Scopes []struct {
			Name, State, Reason string
			Since               time.Time
			Preserved           int
		}
	}
	a.get("/api/v1/self-preservation", &sp)
	found := 0
	for _, s := range sp.Scopes {
		dc, is := strings.CutPrefix(s.Name, "datacenter:")
		if !is {
			continue
		}
		found++
		if s.State != "PRESERVING" || s.Preserved != 16 || !strings.Contains(s.Reason, dc+" has not been reachable") ||
			s.Since.Before(cut.Add(-time.Second)) || s.Since.After(time.Now()) {
			t.Errorf("%s says of %s: %+v", h.name, dc, s)
		}
	}
	if found != w.datacenters-len(near) {
		t.Errorf("%s explains %d data centres: %+v", h.name, found, sp)
	}
}

// answers is what a host says, in every dialect, of the services of data centres, by question. Indexes are left out, which
// are a node's own; the order of DNS records too, which is drawn.
func (w *world) answers(h *host, datacenters []int) map[string]string {
	w.t.Helper()
	all := map[string]string{}
	var names, paths []string
	for _, d := range datacenters {
		dc, only := fmt.Sprintf("dc%d", d), fmt.Sprintf("only%d", d)
		names = append(names, dc)
		for _, service := range []string{"web", only} {
			paths = append(paths,
				"/api/v1/services/"+service+"?dc="+dc,
				"/v1/health/service/"+service+"?passing&dc="+dc,
				"/v1/catalog/service/"+service+"?dc="+dc,
				"/sd/prometheus?service="+service+"&dc="+dc,
			)
			all["DNS "+service+" "+dc] = w.srv(h, service+".service."+dc+".muster.")
		}
		paths = append(paths, "/api/v1/services/"+only+"?dc=*", "/api/v1/services/"+only+"?dc=*&healthy=true", "/v1/catalog/services?dc="+dc)
	}
	paths = append(paths, "/eureka/v2/apps?regions="+strings.Join(names, ","))
	for _, path := range paths {
		all[path] = w.body(h, path)
	}
	return all
}

// anyIndex is what an answer has in its body of a node's index.
var anyIndex = regexp.MustCompile(`"(index|ModifyIndex|CreateIndex)":[0-9]+`)

// body is the body of an answer, without indexes.
func (w *world) body(h *host, path string) string {
	w.t.Helper()
	a := w.agents[h]
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, a.http+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	res, err := a.client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || len(body) < 10 {
		w.t.Fatalf("GET %s at %s: %d, %v, %s", path, h.name, res.StatusCode, err, body)
	}
	return anyIndex.ReplaceAllString(string(body), `"$1":0`)
}

// srv is the SRV records of a name and the addresses beside them, sorted.
func (w *world) srv(h *host, name string) string {
	w.t.Helper()
	transport, ok := w.agents[h].client.Transport.(*http.Transport)
	if !ok {
		w.t.Fatal("no way into the network")
	}
	c, err := transport.DialContext(context.Background(), "tcp", w.agents[h].dns)
	if err != nil {
		w.t.Fatal(err)
	}
	conn := &dns.Conn{Conn: c}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	q := new(dns.Msg).SetQuestion(name, dns.TypeSRV)
	if err := conn.WriteMsg(q); err != nil {
		w.t.Fatal(err)
	}
	r, err := conn.ReadMsg()
	if err != nil || r.Rcode != dns.RcodeSuccess || len(r.Answer) != 8 {
		w.t.Fatalf("%s at %s: %v, %v", name, h.name, r, err)
	}
	var lines []string
	for _, rr := range slices.Concat(r.Answer, r.Extra) {
		lines = append(lines, rr.String())
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
