package proc

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The tests speak to agents from inside the network, as a client on one of its hosts would: through a relay, a process on
// that host that listens on a Unix socket, which every process of the machine can reach.

const socketVariable = "MUSTER_PROC_SOCKET"

// relay is the process. The first line of each connection says which address it wants. It ends with its standard input,
// which is when the test that started it ends, in whatever way.
func relay() {
	l, err := net.Listen("unix", os.Getenv(socketVariable))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	// The port that clients of this host register: what nodes find when they ask whether those are there.
	if err := listenFor(":9"); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go carry(c)
		}
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = l.Close() // Which removes the socket.
}

// carry connects a client with the address that it asks for, until either side ends.
func carry(c net.Conn) {
	defer func() { _ = c.Close() }()
	from := bufio.NewReader(c)
	addr, err := from.ReadString('\n')
	if err != nil {
		return
	}
	to, err := net.DialTimeout("tcp", strings.TrimSpace(addr), requestLimit)
	if err != nil {
		return
	}
	defer func() { _ = to.Close() }()
	ended := make(chan struct{}, 2)
	for _, way := range []func(){
		func() { _, _ = io.Copy(to, from) },
		func() { _, _ = io.Copy(c, to) },
	} {
		go func() { way(); ended <- struct{}{} }()
	}
	<-ended
}

// startRelay starts the host's relay and returns an HTTP client that speaks through it.
func (h *host) startRelay() (*http.Client, error) {
	socket := filepath.Join(thisRun.dir, h.net.name+"-"+h.name+".sock")
	argv := append(h.within(), os.Args[0])
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), roleVariable+"="+roleRelay, socketVariable+"="+socket)
	life, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	transport := &http.Transport{
		MaxIdleConnsPerHost: 64, DisableCompression: true, IdleConnTimeout: 5 * time.Second,
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
			if err == nil {
				_, err = c.Write([]byte(addr + "\n"))
			}
			return c, err
		},
	}
	h.net.t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = life.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("relay on %s: %w", h.name, err)
	}
	if line != "ready\n" {
		return nil, fmt.Errorf("relay on %s: %s", h.name, line)
	}
	return &http.Client{Timeout: requestLimit, Transport: transport}, nil
}

// http is a client on this host.
func (h *host) http() *http.Client {
	h.net.t.Helper()
	c, err := h.relay()
	if err != nil {
		h.net.t.Fatal(err)
	}
	return c
}

// others is all hosts but those.
func others(all, but []*host) []*host {
	return slices.DeleteFunc(slices.Clone(all), func(h *host) bool { return slices.Contains(but, h) })
}
