package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/eureka"
)

// batchMax is how many items a server takes at a time.
const batchMax = 250

// Bounds of what is read from a server.
const (
	maxReply    = 8 << 20
	maxRegistry = 256 << 20
)

// The actions of Eureka's replication.
const (
	actionRegister  = "Register"
	actionHeartbeat = "Heartbeat"
	actionCancel    = "Cancel"
	actionStatus    = "StatusUpdate"
	actionClear     = "DeleteStatusOverride"
)

// item is one thing to tell a server.
type item struct {
	action string
	key    muster.Key
	inst   *muster.Instance
}

// appendJSON appends the item as Netflix' servers read it, who refuse members that they do not know.
func (it *item) appendJSON(b []byte) []byte {
	b = appendText(append(b, `{"appName":`...), eureka.App(it.inst))
	b = appendText(append(b, `,"id":`...), it.key.ID)
	b = strconv.AppendInt(append(b, `,"lastDirtyTimestamp":`...), eureka.LastDirty(it.inst), 10)
	if it.action != actionCancel {
		status := eureka.Status(it.inst)
		if it.action == actionStatus {
			status = it.inst.Override
		}
		b = appendText(append(b, `,"status":`...), status.String())
	}
	if it.action == actionRegister {
		b = eureka.AppendInstance(append(b, `,"instanceInfo":`...), it.inst)
	}
	return append(appendText(append(b, `,"action":`...), it.action), '}')
}

func appendText(b []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil { // Strings always can be encoded.
		return append(b, `""`...)
	}
	return append(b, text...)
}

// result is a server's answer to one item.
type result struct {
	StatusCode int             `json:"statusCode"`
	Entity     json.RawMessage `json:"responseEntity"`
}

// client speaks HTTP to one server.
type client struct {
	base string
	http *http.Client
}

func newClient(base string, transport http.RoundTripper) client {
	return client{base: strings.TrimRight(base, "/"), http: &http.Client{Transport: transport, Timeout: timeout}}
}

// redacted is a URL without its password.
func redacted(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "?"
	}
	return u.Redacted()
}

// send sends a batch. The answers are as many as the items, in their order.
func (c client) send(ctx context.Context, items []item) ([]result, error) {
	b := []byte(`{"replicationList":[`)
	for n := range items {
		if n > 0 {
			b = append(b, ',')
		}
		b = items[n].appendJSON(b)
	}
	body, err := c.do(ctx, http.MethodPost, "/peerreplication/batch/", append(b, `]}`...), maxReply)
	if err != nil {
		return nil, err
	}
	var reply struct {
		List []result `json:"responseList"`
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return nil, fmt.Errorf("peer: the answer to a batch cannot be read: %w", err)
	}
	if len(reply.List) != len(items) {
		return nil, fmt.Errorf("peer: %d answers to %d items", len(reply.List), len(items))
	}
	return reply.List, nil
}

// do sends a request and reads the answer, which has to be a success.
func (c client) do(ctx context.Context, method, path string, body []byte, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err) // It names the URL, without a password.
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(io.LimitReader(resp.Body, limit))
	if err != nil {
		return nil, fmt.Errorf("peer: %s %s: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("peer: %s %s: %s", method, path, resp.Status)
	}
	return got, nil
}
