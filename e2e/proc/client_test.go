package proc

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// A process of its own for each instance: one that listens on its port, as a service does, registers, and renews. Killed,
// its host says that nothing listens there.

const (
	roleClient     = "client"
	serverVariable = "MUSTER_PROC_SERVER" // URL of the agent
	hostVariable   = "MUSTER_PROC_HOST"   // the address that it registers
	portVariable   = "MUSTER_PROC_PORT"   // the port that it listens on

	clientService  = "crowd"
	clientTTL      = 5 * time.Second
	clientInterval = 1200 * time.Millisecond
)

// listenFor accepts connections, and ends them.
func listenFor(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	return nil
}

// instanceProcess is the process. It ends with its standard input, as the relay does.
func instanceProcess() {
	server, host, port := os.Getenv(serverVariable), os.Getenv(hostVariable), os.Getenv(portVariable)
	if err := listenFor(net.JoinHostPort(host, port)); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	go func() {
		c := &http.Client{Timeout: requestLimit}
		send := func(method, path, body string) int {
			req, err := http.NewRequest(method, server+path, bytes.NewBufferString(body))
			if err != nil {
				return 0
			}
			req.Header.Set("Content-Type", "application/json")
			res, err := c.Do(req)
			if err != nil {
				return 0
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			return res.StatusCode
		}
		known := false
		for ; ; time.Sleep(clientInterval) {
			if known {
				known = send(http.MethodPut, "/api/v1/services/"+clientService+"/instances/"+port+"/heartbeat", "") != http.StatusNotFound
			}
			if !known {
				known = send(http.MethodPost, "/api/v1/services/instances", fmt.Sprintf(
					`{"service":%q,"id":%q,"address":%q,"port":%s,"ttl":%q}`, clientService, port, host, port, clientTTL)) < http.StatusBadRequest
			}
		}
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// startClient starts a process on the host that registers by that port at an agent.
func (h *host) startClient(port int, at *host) *os.Process {
	t := h.net.t
	t.Helper()
	argv := append(h.within(), os.Args[0])
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), roleVariable+"="+roleClient, serverVariable+"="+at.url(), hostVariable+"="+h.ip,
		portVariable+"="+strconv.Itoa(port))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	life, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = life.Close()
		_ = cmd.Wait()
	})
	return cmd.Process
}

// crowdAt is how many of the instances an agent shows, and how many of them as preserved.
func crowdAt(a *agent) (all, preserved int) {
	for _, i := range a.instances(clientService) {
		all++
		if i.Preserved {
			preserved++
		}
	}
	return all, preserved
}

type scopeState struct {
	Name, State, Reason                              string
	Lost, Preserved                                  int
	Probed, Refused, Connected, Unanswered, Expected int
}

// kept is what an agent says of its own scope of leases, that of instances without a zone.
func kept(t *testing.T, a *agent) scopeState {
	t.Helper()
	var sp struct{ Scopes []scopeState }
	a.get("/api/v1/self-preservation", &sp)
	for _, s := range sp.Scopes {
		if s.Name == "zone:" {
			return s
		}
	}
	return scopeState{}
}
