package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// scriptedNode answers the requests of a keeper, without a network, and notes when each came.
type scriptedNode struct {
	began  time.Time
	answer func(method string, at time.Duration) int // 0 is a node that is away
	log    []string
}

// RoundTrip answers at once.
func (n *scriptedNode) RoundTrip(req *http.Request) (*http.Response, error) {
	at := time.Since(n.began)
	status := n.answer(req.Method, at)
	n.log = append(n.log, fmt.Sprintf("%v %s %d", at, req.Method, status))
	if status == 0 {
		return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	}
	body := `{"id":"p1","ttl":"30s"}`
	if status >= 400 {
		body = `{"code":"instance-not-found","detail":"no such instance"}`
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
}

// keep runs a keeper for that long, in a bubble, and returns the requests and the warnings.
func keep(t *testing.T, d time.Duration, answer func(method string, at time.Duration) int) (log []string, warnings string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &scriptedNode{began: time.Now(), answer: answer}
		var told bytes.Buffer
		a := &app{errs: &told}
		k := &keeper{
			remote: &remote{base: "http://node", timeout: time.Second, http: &http.Client{Transport: n}},
			reg:    registration{Service: "payments", Address: "10.0.0.5", Port: 8080}, warn: a.warn,
		}
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		if err := k.register(ctx); err != nil {
			k.away, k.failed = true, 1
		}
		k.run(ctx)
		log, warnings = n.log, told.String()
	})
	return log, warnings
}

func TestARegistrationIsRenewedThreeTimesATTL(t *testing.T) {
	log, warnings := keep(t, 35*time.Second, func(string, time.Duration) int { return 200 })
	want := "[0s POST 200 10s PUT 200 20s PUT 200 30s PUT 200]"
	if fmt.Sprint(log) != want || warnings != "" {
		t.Errorf("got %v, %q", log, warnings)
	}
}

func TestARegistrationThatIsLostIsMadeAgainAtOnce(t *testing.T) {
	log, warnings := keep(t, 35*time.Second, func(method string, at time.Duration) int {
		if method == "PUT" && at == 20*time.Second {
			return 404
		}
		return 200
	})
	want := "[0s POST 200 10s PUT 200 20s PUT 404 20s POST 200 30s PUT 200]"
	if fmt.Sprint(log) != want || warnings != "" {
		t.Errorf("got %v, %q", log, warnings)
	}
}

func TestANodeThatIsAwayIsTriedMoreAndMoreSeldomAndToldOfOnce(t *testing.T) {
	log, warnings := keep(t, 2*time.Minute, func(_ string, at time.Duration) int {
		if at > 5*time.Second && at < 70*time.Second {
			return 0
		}
		return 200
	})
	var tries []time.Duration
	for _, entry := range log {
		var at, method string
		var status int
		if _, err := fmt.Sscan(entry, &at, &method, &status); err != nil {
			t.Fatal(err)
		}
		if d, err := time.ParseDuration(at); err == nil && status == 0 {
			tries = append(tries, d)
		}
	}
	if len(tries) < 6 || len(tries) > 20 {
		t.Fatalf("%d tries in 60 s: %v", len(tries), log)
	}
	if first, last := tries[1]-tries[0], tries[len(tries)-1]-tries[len(tries)-2]; first > time.Second || last < 5*time.Second || last > 15*time.Second {
		t.Errorf("the first pause is %v, the last %v", first, last)
	}
	if strings.Count(warnings, "\n") != 2 || !strings.Contains(warnings, "cannot reach http://node") || !strings.Contains(warnings, "http://node is back") {
		t.Errorf("it said:\n%s", warnings)
	}
}

func TestANodeThatIsAwayFromTheStartGetsTheRegistrationLater(t *testing.T) {
	log, warnings := keep(t, time.Minute, func(_ string, at time.Duration) int {
		if at < 2*time.Second {
			return 0
		}
		return 201
	})
	all := strings.Join(log, ", ")
	if strings.Count(all, "POST 201") != 1 || !strings.Contains(all, "PUT 201") || strings.Contains(all, "PUT 0") {
		t.Errorf("it asked %s", all)
	}
	if strings.Count(warnings, "\n") != 1 || !strings.Contains(warnings, "is back") {
		t.Errorf("it said %s", warnings)
	}
}

func TestARegistrationThatIsLostWhileTheNodeGoesAwayIsMadeAgainLater(t *testing.T) {
	log, _ := keep(t, 11*time.Second, func(method string, at time.Duration) int {
		switch {
		case method == "PUT":
			return 404
		case at == 10*time.Second:
			return 0
		default:
			return 201
		}
	})
	if len(log) < 4 || log[1] != "10s PUT 404" || log[2] != "10s POST 0" || !strings.HasSuffix(log[3], "POST 201") {
		t.Errorf("it asked %v", log)
	}
}
