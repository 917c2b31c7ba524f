package eureka

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/musterhq/muster"
)

// item is one thing that a Eureka server passes on in a batch.
type item struct {
	AppName            string          `json:"appName"`
	ID                 string          `json:"id"`
	LastDirtyTimestamp json.RawMessage `json:"lastDirtyTimestamp"`
	Status             string          `json:"status"`
	InstanceInfo       json.RawMessage `json:"instanceInfo"`
	Action             string          `json:"action"`
}

// batch takes what a Eureka server's clients have told it. Every item is answered by itself, in order.
func (a *API) batch(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(w, r, batchBodies*a.maxBody)
	if err != nil {
		return err
	}
	var list struct {
		Items []item `json:"replicationList"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return malformed("not a batch: %v", err)
	}
	b := []byte(`{"responseList":[`)
	for n := range list.Items {
		inst, err := a.take(r, &list.Items[n])
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"statusCode":`...)
		switch {
		case errors.Is(err, errOlder):
			b = strconv.AppendInt(b, http.StatusConflict, 10)
			i := describe(inst)
			b = appendJSON(append(b, `,"responseEntity":`...), &i, "")
		case err != nil:
			status := statusOf(err)
			if status == http.StatusInternalServerError {
				a.log.ErrorContext(r.Context(), "replication failed", "service", list.Items[n].AppName, "instance", list.Items[n].ID, "err", err)
			}
			b = strconv.AppendInt(b, int64(status), 10)
		default:
			b = strconv.AppendInt(b, http.StatusOK, 10)
		}
		b = append(b, '}')
	}
	b = append(b, `]}`...)
	return writeBody(w, http.StatusOK, jsonType, b)
}

// take does what one item says.
func (a *API) take(r *http.Request, it *item) (*muster.Instance, error) {
	app := appOf(it.AppName)
	text, _ := scalarOf(it.LastDirtyTimestamp)
	switch it.Action {
	case "Heartbeat":
		inst, err := a.renew(r, app, it.ID, parseNumber(text))
		if errors.Is(err, muster.ErrNotFound) && a.ended(r.Context(), app, it.ID) {
			return nil, nil
		}
		return inst, err
	case "Register":
		i, err := decodeInstance(it.InstanceInfo)
		if err != nil {
			return nil, err
		}
		if err := i.finish(app); err != nil {
			return nil, err
		}
		return nil, a.put(r, &i, true)
	case "Cancel":
		if a.moved(app, it.ID) {
			return nil, nil
		}
		return nil, a.remove(r, app, it.ID)
	case "StatusUpdate":
		status, err := muster.ParseStatus(it.Status)
		if err != nil {
			return nil, malformed("status is %.20q", it.Status)
		}
		return nil, a.override(r, app, it.ID, status)
	case "DeleteStatusOverride":
		status := muster.StatusUnknown
		if it.Status != "" {
			status = parseStatus(it.Status)
		}
		return nil, a.clearOverride(r, app, it.ID, status)
	default:
		return nil, malformed("action is %.40q", it.Action)
	}
}
