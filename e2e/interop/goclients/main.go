// Command goclients is the Go clients of Eureka, one at a time: fargo, gokit, or prometheus, which only reads. It is a
// module of its own, so that what these need never enters the graph of Muster's modules. It is told what to do on
// standard input.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// client is what a program here can be told.
type client interface {
	status(to string) error
	sees(app string) (int, error)
	instance(app, id string) (fields, error)
	stop() error
}

// fields is every field that a client has read of an instance, by the names that all clients of these tests use.
type fields map[string]any

// settings is what a program is told by its environment.
type settings struct {
	urls         []string
	app, id      string
	port         int
	renew, lease int // seconds
}

func environment() settings {
	number := func(name string) int {
		n, _ := strconv.Atoi(os.Getenv(name))
		return n
	}
	return settings{
		urls: strings.Split(os.Getenv("EUREKA_URLS"), ","), app: os.Getenv("APP"), id: os.Getenv("INSTANCE"),
		port: number("PORT"), renew: number("RENEW"), lease: number("LEASE"),
	}
}

var clients = map[string]func(settings) (client, error){"fargo": newFargo, "gokit": newKit, "prometheus": newPrometheus}

func main() {
	start, ok := clients[strings.Join(os.Args[1:], " ")]
	if !ok {
		fmt.Fprintln(os.Stderr, "usage: goclients fargo|gokit|prometheus")
		os.Exit(2)
	}
	c, err := start(environment())
	if err != nil {
		say("FAILED", err)
		os.Exit(1)
	}
	say("STARTED")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		word := strings.Fields(lines.Text())
		if err := obey(c, word); err != nil {
			say("FAILED", err)
		}
		if word[0] == "stop" {
			return
		}
	}
	os.Exit(1) // The test is gone.
}

func obey(c client, word []string) error {
	switch word[0] {
	case "status":
		if err := c.status(word[1]); err != nil {
			return err
		}
		say("STATUS", word[1])
	case "sees":
		n, err := c.sees(word[1])
		if err != nil {
			return err
		}
		say("SEES", n)
	case "instance":
		found, err := c.instance(word[1], word[2])
		if err != nil {
			return err
		}
		b, err := json.Marshal(found)
		if err != nil {
			return err
		}
		say("INSTANCE", string(b))
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
