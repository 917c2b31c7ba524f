package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

var web = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}

// registry is where clients register: a node of Muster, or a Eureka server.
type registry interface {
	name() string
	eureka(path string) string // the URL of the dialect, of its several; a Eureka server has one
	find(app string) (map[string]found, error)
}

// found is an instance as a registry shows it.
type found struct {
	Address     string
	Port        int
	Status      string
	Home        string    // only Muster has it
	LastRenewal time.Time // only its home knows, when asked for it alone
	Metadata    map[string]string
}

// request asks for something and returns the status and the body.
func request(method, url, body string) (int, []byte, error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Accept", "application/json")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := web.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, b, err
}

var errStatus = errors.New("unexpected status")

// get reads a JSON answer. Nothing is read, and nothing is wrong, if there is no such thing.
func get(url string, into any) error {
	status, b, err := request("GET", url, "")
	switch {
	case err != nil:
		return err
	case status == http.StatusNotFound:
		return nil
	case status != http.StatusOK:
		return fmt.Errorf("%w %d of %s: %s", errStatus, status, url, b)
	}
	return json.Unmarshal(b, into)
}

// node is a node of Muster.
type node struct {
	t    *testing.T
	id   string
	http string // base URL
	bind string // address of gossip
	proc *process
}

// startNode starts a node on free ports, joined to the others, and waits until it is ready.
func startNode(t *testing.T, id string, others []*node, flags ...string) *node {
	t.Helper()
	n := &node{t: t, id: id, http: "http://127.0.0.1:0", bind: "127.0.0.1:0"}
	n.start(others, flags...)
	n.ready()
	return n
}

// start starts the node, at the addresses that it had before if it is a second time.
func (n *node) start(others []*node, flags ...string) {
	n.t.Helper()
	argv := []string{
		musterBinary(n.t), "agent", "--node", n.id, "--profile", "local", "--bind", n.bind, "--http", strings.TrimPrefix(n.http, "http://"), "--dns", "off",
	}
	for _, o := range others {
		if o != n {
			argv = append(argv, "--join", o.bind)
		}
	}
	n.proc = start(n.t, n.id, nil, append(argv, flags...)...)
	for {
		line, ok := n.proc.says(20*time.Second, "gossip ", "http ", "try:")
		if !ok {
			n.t.Fatalf("%s does not say where it listens", n.id)
		}
		switch f := strings.Fields(line); f[0] {
		case "gossip":
			n.bind = f[1]
		case "http":
			n.http = f[1]
		default:
			return
		}
	}
}

func (n *node) ready() {
	n.t.Helper()
	eventually(n.t, 20*time.Second, func() string {
		status, _, err := request("GET", n.http+"/readyz", "")
		if err != nil || status != http.StatusOK {
			return fmt.Sprintf("%s is not ready: %d, %v", n.id, status, err)
		}
		return ""
	})
}

func (n *node) name() string              { return n.id }
func (n *node) eureka(path string) string { return n.http + path }

// find asks by the native API: what is registered by Eureka is found by it.
func (n *node) find(app string) (map[string]found, error) {
	var list struct {
		Instances []struct {
			found
			ID string
		}
	}
	err := get(n.http+"/api/v1/services/"+strings.ToLower(app), &list)
	all := map[string]found{}
	for _, i := range list.Instances {
		all[i.ID] = i.found
	}
	return all, err
}

// eurekaServer is a real one.
type eurekaServer struct {
	url  string
	proc *process
}

func (e *eurekaServer) name() string         { return "eureka" }
func (e *eurekaServer) eureka(string) string { return e.url }

func (e *eurekaServer) find(app string) (map[string]found, error) {
	var answer struct {
		Application struct {
			Instance []struct {
				InstanceID string `json:"instanceId"`
				IPAddr     string `json:"ipAddr"`
				Port       struct {
					Number int `json:"$"`
				} `json:"port"`
				Status   string
				Metadata map[string]string
			}
		}
	}
	err := get(e.url+"/apps/"+app, &answer)
	all := map[string]found{}
	for _, i := range answer.Application.Instance {
		all[i.InstanceID] = found{Address: i.IPAddr, Port: i.Port.Number, Status: i.Status, Metadata: i.Metadata}
	}
	return all, err
}
