// Command consulclients is the Go clients of Consul, and of what finds by it, one at a time: agent is Consul's own client
// with its watches, gokit and kratos are frameworks, grpc is a resolver with real servers and calls, template is
// consul-template, consulsd and httpsd are two kinds of Prometheus' discovery. It is a module of its own, so that what
// these need never enters the graph of Muster's modules. It is told what to do on standard input.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// client is what a program here can be told, beside what it sees.
type client interface {
	// health has the program's own instance become healthy, or not, by the means that its kind of health check has.
	health(good bool) error
	// maintenance takes it out of service, or back.
	maintenance(on bool) error
	// stop ends the registration in order.
	stop() error
}

// settings is what a program is told by its environment.
type settings struct {
	registry    string   // host:port of Consul's API
	host        string   // where its own instance is
	service, id string   // of its own instance
	watch       []string // services that it follows
	dir         string   // for files
}

// errNever is what a client answers that cannot do what it is told to.
var errNever = errors.New("this client has no such thing")

// reader is a client that registers nothing.
type reader struct{}

func (reader) health(bool) error      { return errNever }
func (reader) maintenance(bool) error { return errNever }
func (reader) stop() error            { return nil }

var clients = map[string]func(settings, *history) (client, error){
	"agent": newAgent, "gokit": newKit, "kratos": newKratos, "grpc": newGRPC,
	"template": newTemplate, "consulsd": newConsulSD, "httpsd": newHTTPSD,
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "lookup" {
		lookup(os.Args[2])
		return
	}
	start, ok := clients[strings.Join(os.Args[1:], " ")]
	if !ok {
		fmt.Fprintln(os.Stderr, "usage: consulclients agent|gokit|kratos|grpc|template|consulsd|httpsd, or lookup NAME")
		os.Exit(2)
	}
	seen := &history{}
	c, err := start(settings{
		registry: os.Getenv("REGISTRY"), host: os.Getenv("HOST"), service: os.Getenv("SERVICE"), id: os.Getenv("INSTANCE"),
		watch: strings.Split(os.Getenv("WATCH"), ","), dir: os.Getenv("DIR"),
	}, seen)
	if err != nil {
		say("FAILED", err)
		os.Exit(1)
	}
	say("STARTED")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		word := strings.Fields(lines.Text())
		if err := obey(c, seen, word); err != nil {
			say("FAILED", err)
		}
		if word[0] == "stop" {
			return
		}
	}
	os.Exit(1) // The test is gone.
}

func obey(c client, seen *history, word []string) error {
	switch word[0] {
	case "sees":
		say("SEES", strings.Join(seen.of(word[1]), ","))
	case "fewest":
		say("FEWEST", seen.fewest(word[1]))
	case "failures":
		failures, calls := 0, 0
		if g, ok := c.(*grpcClient); ok {
			failures, calls = g.failures()
		}
		say("FAILURES", failures, "of", calls)
	case "health", "maintenance":
		do := c.health
		if word[0] == "maintenance" {
			do = c.maintenance
		}
		on, err := strconv.ParseBool(word[1])
		if err != nil {
			return err
		}
		if err := do(on); err != nil {
			return err
		}
		say("DONE")
	case "stop":
		if err := c.stop(); err != nil {
			return err
		}
		say("STOPPED")
	default:
		say("UNKNOWN", word)
	}
	return nil
}

func say(what ...any) { fmt.Println(append([]any{"@"}, what...)...) }

// lookup prints the addresses that Go's own resolver finds.
func lookup(name string) {
	r := net.Resolver{PreferGo: true}
	addresses, err := r.LookupHost(context.Background(), name)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(strings.Join(addresses, "\n"))
}
