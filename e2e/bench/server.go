package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api"
	"github.com/musterhq/muster/e2e/bench/measure"
)

// nodeArg is how a node child starts.
type nodeArg struct {
	Name    string
	Join    []string
	DataDir string
	// Fill is how many typical instances it has before it says hello; Sizes are services of that many instances each,
	// named "size-N", besides.
	Fill  int
	Sizes []int
}

// nodeHello is where it listens, and what its answers are: by path, what GET answers with.
type nodeHello struct{ Gossip, HTTP string }

// nodeState is what a node child says of itself when it is asked: the question is the string "state", or "collect" to
// run the garbage collector first and give the free memory back.
type nodeState struct {
	Ready     bool
	Alive     int // members, itself among them
	Instances int
	Hash      string
	Sent      uint64
	Received  uint64
	Heap      uint64
	Resident  measure.Resident
}

// nodeChild is a node with its API, as `muster agent` serves it.
func nodeChild(ctx context.Context, raw json.RawMessage, l *line) (err error) {
	var arg nodeArg
	if err := json.Unmarshal(raw, &arg); err != nil {
		return err
	}
	node, err := muster.Start(ctx, muster.Config{
		Node: arg.Name, Join: arg.Join, DataDir: arg.DataDir, SnapshotInterval: 24 * time.Hour,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Close()) }() //nolint:contextcheck // To close needs no time.
	if err := fill(ctx, node, 0, arg.Fill); err != nil {
		return err
	}
	for _, n := range arg.Sizes {
		for i := range n {
			inst := typical(i)
			inst.Service = sizedService(n)
			if _, _, err := node.Put(ctx, inst); err != nil {
				return err
			}
		}
	}
	server, addr, err := listenHTTP(ctx, api.Handler(node))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	if err := l.say(nodeHello{Gossip: node.Addr(), HTTP: addr}); err != nil {
		return err
	}
	for question := ""; l.hear(&question); {
		if question == "collect" {
			debug.FreeOSMemory()
		}
		if err := l.say(stateOf(node)); err != nil {
			return err
		}
	}
	return nil
}

func sizedService(n int) string { return "size-" + strconv.Itoa(n) }

func stateOf(node *muster.Node) nodeState {
	info := node.Info()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	res, _ := measure.ReadResident(os.Getpid()) // Of this process there is always one.
	alive := 0
	for _, m := range node.Members() {
		if m.State == "alive" {
			alive++
		}
	}
	return nodeState{
		Ready: info.Ready, Alive: alive, Instances: info.Catalog.Instances, Hash: info.Catalog.Hash,
		Sent: info.Replication.BytesSent, Received: info.Replication.BytesRecv, Heap: m.HeapAlloc, Resident: res,
	}
}

// listenHTTP serves with the settings of `muster agent`, on a free port of loopback.
func listenHTTP(ctx context.Context, h http.Handler) (*http.Server, string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	go func() { _ = s.Serve(l) }() // It ends with the server, and then says so.
	return s, l.Addr().String(), nil
}

// answer is what the other side's handler writes: the same bytes that the node wrote for that path, headers and all.
type answer struct {
	Path string
	Head http.Header
	Body []byte
}

// handlerChild is the other side of HTTP: PUT does nothing, GET writes bytes that it was given, POST reads the body.
func handlerChild(ctx context.Context, raw json.RawMessage, l *line) (err error) {
	var answers []answer
	if err := json.Unmarshal(raw, &answers); err != nil {
		return err
	}
	byPath := map[string]answer{}
	for _, a := range answers {
		byPath[a.Path] = a
	}
	server, addr, err := listenHTTP(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPut:
			w.WriteHeader(http.StatusNoContent)
		case http.MethodPost:
			_, _ = io.ReadAll(r.Body) // What fails shows in the client's count.
			w.WriteHeader(http.StatusCreated)
		default:
			a := byPath[r.URL.Path]
			maps.Copy(w.Header(), a.Head)
			_, _ = w.Write(a.Body) // Likewise.
		}
	}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	if err := l.say(nodeHello{HTTP: addr}); err != nil {
		return err
	}
	for question := ""; l.hear(&question); {
		if err := l.say(nodeState{}); err != nil {
			return err
		}
	}
	return nil
}
