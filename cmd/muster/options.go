package main

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// clientOptions are the flags of the commands that talk to a node.
type clientOptions struct {
	server  string
	token   string
	timeout time.Duration
	output  format
}

const defaultServer = "http://127.0.0.1:8761"

// clientFlags gives a command the flags of those that talk to a node. They are not persistent flags of the root, so that
// commands that would ignore them refuse them; before the command's name they work all the same.
func (a *app) clientFlags(cmd *cobra.Command) *cobra.Command {
	f := cmd.Flags()
	f.StringVar(&a.client.server, "server", "", "`URL` of the node to ask (MUSTER_SERVER, default "+defaultServer+")")
	f.StringVar(&a.client.token, "token", "", "bearer `TOKEN` for nodes that want one (MUSTER_TOKEN)")
	f.DurationVar(&a.client.timeout, "timeout", 10*time.Second, "`DURATION` that a node may take to answer")
	a.outputFlag(cmd)
	return cmd
}

func (a *app) outputFlag(cmd *cobra.Command) {
	a.client.output = formatTable
	cmd.Flags().VarP(&a.client.output, "output", "o", "`FORMAT` of what is printed: table, json or yaml")
}

// remote is the node that the flags and the environment name.
func (a *app) remote() (*remote, error) {
	server, source := a.client.server, "--server"
	if server == "" {
		server, source = a.variable("MUSTER_SERVER"), "MUSTER_SERVER"
	}
	if server == "" {
		server = defaultServer
	}
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, failed(exitUsage, "%s must be a URL such as %s, not %q", source, defaultServer, server)
	}
	if a.client.timeout <= 0 {
		return nil, failed(exitUsage, "--timeout must be more than nothing, not %s", a.client.timeout)
	}
	token := a.client.token
	if token == "" {
		token = a.variable("MUSTER_TOKEN")
	}
	return newRemote(u.Scheme, strings.TrimSuffix(server, "/"), token, a.client.timeout), nil
}

func (a *app) variable(name string) string {
	v, _ := a.env.lookup(name)
	return v
}

// format is how data is printed.
type format string

const (
	formatTable format = "table"
	formatJSON  format = "json"
	formatYAML  format = "yaml"
)

// Set is called by the parser of flags.
func (f *format) Set(text string) error {
	switch format(text) {
	case formatTable, formatJSON, formatYAML:
		*f = format(text)
		return nil
	default:
		return fmt.Errorf("must be table, json or yaml, not %q", text)
	}
}

// String is the format's name.
func (f *format) String() string { return string(*f) }

// Type stands for the value in the help.
func (f *format) Type() string { return "FORMAT" }
