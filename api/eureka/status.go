package eureka

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster"
)

// getStatus answers with what a Eureka server's status page shows: itself and its peers.
func (a *API) getStatus(w http.ResponseWriter, r *http.Request) error {
	ready, reason := a.node.Ready()
	self := a.node.Info()
	var replicas, alive, gone []string
	for _, m := range a.node.Members() {
		if m.Self {
			continue
		}
		replicas = append(replicas, m.Name)
		if m.State == "alive" {
			alive = append(alive, m.Name)
		} else {
			gone = append(gone, m.Name)
		}
	}
	general := map[string]string{
		"environment": "muster", "server-version": self.Version, "datacenter": self.Datacenter, "node": self.Name,
		"server-uptime": a.now().Sub(self.Started).Round(time.Second).String(), "ready": strconv.FormatBool(ready), "ready-reason": reason,
		"instances": strconv.Itoa(self.Catalog.Instances),
	}
	application := map[string]string{
		"registered-replicas": strings.Join(replicas, ","), "available-replicas": strings.Join(alive, ","),
		"unavailable-replicas": strings.Join(gone, ","),
	}
	f := formOf(r)
	var b []byte
	if f.json() {
		b = appendMap(append(b, `{"status":{"generalStats":`...), general)
		b = appendMap(append(b, `,"applicationStats":`...), application)
		b = strconv.AppendBool(append(b, `,"isHealthy":`...), ready)
		b = append(b, "}}"...)
	} else {
		b = appendStats(append(b, "<status>"...), "generalStats", general)
		b = appendStats(b, "applicationStats", application)
		b = append(appendElement(b, "isHealthy", strconv.FormatBool(ready)), "</status>"...)
	}
	return writeBody(w, http.StatusOK, f.contentType(), b)
}

func appendStats(b []byte, name string, stats map[string]string) []byte {
	b = append(append(append(b, '<'), name...), '>')
	for _, key := range slices.Sorted(maps.Keys(stats)) {
		b = appendElement(b, key, stats[key])
	}
	return appendClose(b, name)
}

// lastMax is how many registrations and how many cancellations are told.
const lastMax = 1000

// getLastN answers with the latest registrations, and the latest instances that went, newest first.
func (a *API) getLastN(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithCancel(r.Context())
	cancel() // What there is, and no waiting for more.
	var came, went []muster.NodeEvent
	for ev := range a.node.Events(ctx, 0) {
		switch {
		case ev.Type == muster.NodeEventRegistration && strings.HasPrefix(ev.Text, "registered"):
			came = append(came, ev)
		case ev.Type == muster.NodeEventRegistration, ev.Type == muster.NodeEventEviction:
			went = append(went, ev)
		}
	}
	b := appendEvents([]byte(`{"lastRegistered":`), came)
	b = appendEvents(append(b, `,"lastCanceled":`...), went)
	return writeBody(w, http.StatusOK, jsonType, append(b, '}'))
}

func appendEvents(b []byte, events []muster.NodeEvent) []byte {
	b = append(b, '[')
	for n := range min(len(events), lastMax) {
		ev := events[len(events)-1-n]
		if n > 0 {
			b = append(b, ',')
		}
		b = appendNumber(b, `{"timestamp":`, ev.At.UnixMilli())
		b = appendMember(b, "instance", ev.Subject)
		b = append(appendMember(b, "text", ev.Text), '}')
	}
	return append(b, ']')
}

// getOverrides answers with every override by the instance's id.
func (a *API) getOverrides(w http.ResponseWriter, _ *http.Request) error {
	overrides := map[string]string{}
	for e := range a.latest().entries {
		if e.inst.Override != muster.StatusNone {
			overrides[e.inst.ID] = e.inst.Override.String()
		}
	}
	return writeBody(w, http.StatusOK, jsonType, appendMap(nil, overrides))
}
