package proc

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
)

// watch follows a service's server-sent events until f returns false. started is told when the stream stands.
func (a *agent) watch(service string, started chan<- struct{}, f func(event) bool) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.http+"/api/v1/watch?service="+service, nil)
	if err != nil {
		return err
	}
	res, err := (&http.Client{Transport: a.client.Transport}).Do(req) // Without a limit of time: it goes on and on.
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 64<<20)
	var ev event
	first := true
	for lines.Scan() {
		line := lines.Bytes()
		if kind, ok := bytes.CutPrefix(line, []byte("event: ")); ok {
			ev.kind = string(kind)
		}
		if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
			ev.data = append(ev.data, data...)
		}
		if len(line) > 0 || ev.kind == "" {
			continue
		}
		if first {
			first = false
			started <- struct{}{}
		}
		if !f(ev) {
			return nil
		}
		ev = event{}
	}
	return lines.Err()
}
