package native

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

var (
	eventLine = regexp.MustCompile(`(?m)^event: (.*)$`)
	idLine    = regexp.MustCompile(`(?m)^id: (.*)$`)
	idMember  = regexp.MustCompile(`"id":"([^"]*)"`)
	causeOf   = regexp.MustCompile(`"cause":"([^"]*)"`)
)

// told is a stream's text in short: "up p1", "down p1 evicted", "snapshot p1,p2".
func told(text string) string {
	var out []string
	for block := range strings.SplitSeq(text, "\n\n") {
		kind := eventLine.FindStringSubmatch(block)
		if kind == nil {
			continue
		}
		var ids []string
		for _, m := range idMember.FindAllStringSubmatch(block, -1) {
			ids = append(ids, m[1])
		}
		short := kind[1] + " " + strings.Join(ids, ",")
		if cause := causeOf.FindStringSubmatch(block); cause != nil {
			short += " " + cause[1]
		}
		out = append(out, short)
	}
	return strings.Join(out, "; ")
}

// changes makes a node go through a life of one service, and says what each step is.
func changes(t *testing.T, node *apitest.Fake) []func() {
	t.Helper()
	key := muster.Key{Namespace: "default", Service: "payments", ID: "p1"}
	override := func(s muster.Status) func() {
		return func() {
			if _, err := node.SetOverride(t.Context(), key, s, ""); err != nil {
				t.Error(err)
			}
		}
	}
	move := func(dc string) func() {
		return func() {
			if err := node.Learn(dc, muster.Instance{Service: "payments", ID: "p1", Address: "10.0.0.1", Port: 80}); err != nil {
				t.Error(err)
			}
		}
	}
	return []func(){
		func() { register(t, node, "payments", "p1") },
		func() { register(t, node, "carts", "c1") },
		override(muster.StatusOutOfService),
		override(muster.StatusNone),
		move("dc2"),
		func() { register(t, node, "payments", "p1") },
		func() { node.Preserve(key) },
		func() { node.Evict(key) },
		func() { register(t, node, "payments", "p1") },
		func() {
			if err := node.Remove(t.Context(), key); err != nil {
				t.Error(err)
			}
		},
	}
}

// All watch at once, so that what is encoded for one of them is not sent to another who should be told otherwise.
func TestWatchTellsWhatChangesForItsFilter(t *testing.T) {
	t.Parallel()
	wanted := map[string]string{
		"service=payments&dc=*": "snapshot ; up p1; change p1; change p1; change p1; change p1; change p1; down p1 evicted; up p1; down p1 deregistered",
		"dc=*":                  "snapshot ; up p1; up c1; change p1; change p1; change p1; change p1; change p1; down p1 evicted; up p1; down p1 deregistered",
		"service=payments":      "snapshot ; up p1; change p1; change p1; down p1 filtered; up p1; change p1; down p1 evicted; up p1; down p1 deregistered",
		"healthy=true":          "snapshot ; up p1; up c1; down p1 filtered; up p1; down p1 filtered; up p1; change p1; down p1 evicted; up p1; down p1 deregistered",
		"preserved=exclude&service=payments": "snapshot ; up p1; change p1; change p1; down p1 filtered; up p1; down p1 filtered; " +
			"up p1; down p1 deregistered",
		"dc=dc2":         "snapshot ; up p1; down p1 filtered",
		"namespace=shop": "snapshot ",
		"tag=none":       "snapshot ",
	}
	synctest.Test(t, func(t *testing.T) {
		node := apitest.New()
		_, mux := serverOf(node, Config{})
		watchers := map[string]*sink{}
		for query := range wanted {
			watchers[query] = ask(t, mux, "/api/v1/watch?"+query)
		}
		for _, step := range changes(t, node) {
			step()
			synctest.Wait()
		}
		for query, want := range wanted {
			if got := told(watchers[query].news()); got != want {
				t.Errorf("%s:\n got %s\nwant %s", query, got, want)
			}
			watchers[query].leave()
		}
	})
}

func TestEncodedEventIsReusedForTheSameChangeAlone(t *testing.T) {
	t.Parallel()
	a := New(apitest.New(), Config{})
	one, other := &muster.Instance{ID: "one"}, &muster.Instance{ID: "other"}
	first := muster.Event{Type: muster.EventChange, Index: 7, Instance: one}
	said := a.encodeEvent(&first, muster.EventChange, nil)
	if again := a.encodeEvent(&first, muster.EventChange, nil); &again[0] != &said[0] {
		t.Error("the same change is encoded twice")
	}
	for _, c := range []struct {
		ev   muster.Event
		kind muster.EventType
		want string
	}{
		{muster.Event{Type: muster.EventChange, Index: 8, Instance: one}, muster.EventChange, "id: 8\nevent: change\ndata: {\"index\":8,"},
		{muster.Event{Type: muster.EventChange, Index: 8, Instance: one}, muster.EventUp, "id: 8\nevent: up\n"},
		{muster.Event{Type: muster.EventChange, Index: 8, Instance: other}, muster.EventUp, `"id":"other"`},
		{muster.Event{Type: muster.EventChange, Index: 8, Instance: other}, muster.EventDown, `"cause":"filtered"`},
		{muster.Event{Type: muster.EventDown, Index: 9, Instance: other, Cause: "absent"}, muster.EventDown, `"cause":"absent"`},
	} {
		if got := string(a.encodeEvent(&c.ev, c.kind, nil)); !strings.Contains(got, c.want) {
			t.Errorf("got %q, which lacks %q", got, c.want)
		}
	}
}

// A watcher may come back after any event. Whatever it holds then, the same events must lead it to the same end.
func TestWatchGoesOnAfterAnyEvent(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"dc=*", "service=payments", "healthy=true"} {
		synctest.Test(t, func(t *testing.T) {
			node := apitest.New()
			_, mux := serverOf(node, Config{})
			c := ask(t, mux, "/api/v1/watch?"+query)
			for _, step := range changes(t, node) {
				step()
				synctest.Wait()
			}
			all := c.news()
			c.leave()
			ids := idLine.FindAllStringSubmatch(all, -1)
			blocks := strings.SplitAfter(all, "\n\n")[1:] // without the hint to reconnect
			for i, id := range ids {
				again := ask(t, mux, "/api/v1/watch?"+query, "Last-Event-ID: "+id[1])
				whole := live(strings.Join(blocks[:i+1], "") + again.news())
				if want := live(all); whole != want {
					t.Errorf("%s: after event %d the watcher ends with %q, want %q", query, i, whole, want)
				}
				again.leave()
			}
		})
	}
}

// live is the instances that a watcher holds who was told all that.
func live(text string) string {
	held := map[string]bool{}
	for one := range strings.SplitSeq(told(text), "; ") {
		words := strings.Fields(one)
		if len(words) > 1 {
			held[words[1]] = words[0] != "down"
		}
	}
	return fmt.Sprint(held)
}

func TestIndexOfAnotherNodeBeginsWithASnapshot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := apitest.New()
		_, mux := serverOf(node, Config{})
		register(t, node, "payments", "p1")
		c := ask(t, mux, "/api/v1/watch", fmt.Sprintf("Last-Event-ID: %d", uint64(node.Index())^1))
		if got := told(c.news()); got != "snapshot p1" {
			t.Errorf("told %q", got)
		}
		c.leave()
	})
}

func TestStreamSpeaksWhenThereIsNothingToSay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := apitest.New()
		_, mux := serverOf(node, Config{})
		for _, path := range []string{"/api/v1/watch", "/api/v1/events"} {
			c := ask(t, mux, path)
			c.news()
			const beat = ": heartbeat\n\n"
			for _, step := range []struct {
				after time.Duration
				want  string
			}{{14 * time.Second, ""}, {time.Second, beat}, {14 * time.Second, ""}, {time.Second, beat}} {
				time.Sleep(step.after)
				synctest.Wait()
				if got := c.news(); got != step.want {
					t.Errorf("%s: said %q, want %q", path, got, step.want)
				}
			}
			c.leave()
			time.Sleep(time.Minute)
			if got := c.news(); got != "" {
				t.Errorf("%s: said %q after the request", path, got)
			}
		}
	})
}

func TestSlowClientHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := apitest.New()
		_, mux := serverOf(node, Config{})
		slow := askWith(t, mux, &sink{gate: make(chan struct{})}, "/api/v1/watch")
		quick := ask(t, mux, "/api/v1/watch")
		for i := range 5000 { // more than the node remembers
			register(t, node, "payments", fmt.Sprintf("p%d", i%10))
		}
		synctest.Wait()
		if got := told(quick.news()); !strings.HasSuffix(got, "p9") {
			t.Errorf("the quick one was told %q", got)
		}
		time.Sleep(time.Minute) // the heartbeat finds the stream busy
		synctest.Wait()
		close(slow.gate)
		synctest.Wait()
		if got := told(slow.news()); got != "snapshot p0,p1,p2,p3,p4,p5,p6,p7,p8,p9" {
			t.Errorf("the slow one was told %q", got)
		}
		slow.leave()
		quick.leave()
	})
}

func TestClientThatIsGoneEndsItsStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := apitest.New()
		a, mux := serverOf(node, Config{})
		byEvent, byHeartbeat := ask(t, mux, "/api/v1/watch"), ask(t, mux, "/api/v1/events")
		for _, c := range []*sink{byEvent, byHeartbeat} {
			c.mu.Lock()
			c.broken = true
			c.mu.Unlock()
		}
		register(t, node, "payments", "p1")
		synctest.Wait()
		if !byEvent.ended() || byHeartbeat.ended() {
			t.Error("an event does not show that a client is gone, or shows it of another")
		}
		time.Sleep(heartbeatEvery)
		synctest.Wait()
		if !byHeartbeat.ended() || a.Waiting() != (Waiting{}) {
			t.Error("a heartbeat does not show that a client is gone")
		}
	})
}

func TestEventsGoOnAfterTheLastOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := apitest.New()
		_, mux := serverOf(node, Config{})
		c := ask(t, mux, "/api/v1/events")
		node.Happen(muster.NodeEventMembership, "n2", "joined")
		node.Happen(muster.NodeEventSync, "n2", "synced")
		synctest.Wait()
		if got := eventLine.FindAllString(c.news(), -1); fmt.Sprint(got) != "[event: membership event: sync]" {
			t.Errorf("told %v", got)
		}
		c.leave()
		again := ask(t, mux, "/api/v1/events", "Last-Event-ID: 1")
		if got := again.news(); !strings.Contains(got, "id: 2\nevent: sync\ndata: {") || strings.Contains(got, "id: 1\n") {
			t.Errorf("told %q", got)
		}
		again.leave()
	})
}
