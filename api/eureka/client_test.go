package eureka

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/musterhq/muster/api/apitest"
)

// model is what Netflix' client does with deltas: it takes what is new, drops what is gone, compares its own hash, and
// fetches the whole if they differ.
type model struct {
	t         fataler
	api       *API
	instances map[string]string // application/id -> status
	fulls     int
}

type answered struct {
	Applications struct {
		Hash        string `json:"apps__hashcode"`
		Application []struct {
			Name     string
			Instance []struct{ InstanceID, Status, ActionType string }
		}
	}
}

func (m *model) get(path string) (a answered) {
	req := httptest.NewRequest(http.MethodGet, path, nil)
	req.Header.Set("Accept", "application/json")
	w := httptest.NewRecorder()
	m.api.ServeHTTP(w, req)
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != http.StatusOK {
		m.t.Fatal(w.Code, err)
	}
	return a
}

func (m *model) full() {
	m.fulls++
	m.instances = map[string]string{}
	m.apply(m.get("/eureka/apps/"))
}

func (m *model) apply(a answered) {
	for _, app := range a.Applications.Application {
		for _, inst := range app.Instance {
			if key := app.Name + "/" + inst.InstanceID; inst.ActionType == "DELETED" {
				delete(m.instances, key)
			} else {
				m.instances[key] = inst.Status
			}
		}
	}
}

func (m *model) delta() {
	a := m.get("/eureka/apps/delta")
	m.apply(a)
	if m.hash() != a.Applications.Hash {
		m.full()
	}
}

func (m *model) hash() string {
	var h strings.Builder
	counts := map[string]int{}
	for _, status := range m.instances {
		counts[status]++
	}
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&h, "%s_%d_", status, counts[status])
	}
	return h.String()
}

// A client that follows by deltas has what is there after each of them, whatever happened in between, and never needs the
// whole as long as it asks more often than changes are forgotten.
func TestAClientThatFollowsByDeltasHasTheRegistry(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		node, now := apitest.New(), time.Unix(0, 0)
		m := &model{t: t, api: New(node, Config{Now: func() time.Time { return now }})}
		m.full()
		for range rapid.IntRange(1, 8).Draw(t, "polls") {
			for range rapid.IntRange(0, 20).Draw(t, "changes") {
				perturb(t, node)
			}
			now = now.Add(time.Duration(rapid.IntRange(1, 170).Draw(t, "seconds")) * time.Second)
			m.delta()
			got := maps.Clone(m.instances)
			m2 := &model{t: t, api: m.api}
			m2.full()
			if !maps.Equal(got, m2.instances) {
				t.Fatalf("the client has %v, and there is %v", got, m2.instances)
			}
		}
		if m.fulls > 1 {
			t.Fatalf("the whole was fetched %d times", m.fulls)
		}
	})
}

// When more has happened than the catalog's history holds, a delta still tells what is gone since the last one.
func TestADeltaOutlivesTheCatalogsHistory(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	m := &model{t: t, api: New(node, Config{})}
	for n := range 3 {
		put(t, node, n, 1)
	}
	m.full()
	m.delta()
	if err := node.Remove(t.Context(), m.api.latest().segments[0].entries[0].inst.Key()); err != nil {
		t.Fatal(err)
	}
	for n := range 5000 {
		put(t, node, 1+n%2, 1)
	}
	m.delta()
	if m.fulls != 1 || len(m.instances) != 2 {
		t.Fatalf("%d fetches of the whole, %v", m.fulls, m.instances)
	}
}

// A handler that is asked for the first time when the history is too short tells of everything that is newer than itself.
func TestAFirstDeltaIsNeverTooLittle(t *testing.T) {
	t.Parallel()
	node := filled(t, 3)
	api := New(node, Config{})
	put(t, node, 7, 1)
	for range 5000 {
		put(t, node, 8, 1)
	}
	req := httptest.NewRequest(http.MethodGet, "/eureka/apps/delta", nil)
	req.Header.Set("Accept", "application/json")
	w := httptest.NewRecorder()
	api.ServeHTTP(w, req)
	var a answered
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, app := range a.Applications.Application {
		for _, inst := range app.Instance {
			ids = append(ids, inst.InstanceID)
		}
	}
	if len(ids) != 2 {
		t.Errorf("the first delta tells of %q, want those two that came after the handler", ids)
	}
}
