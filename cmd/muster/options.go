package main

import (
	"crypto/tls"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster/cmd/muster/certificate"
)

// clientOptions are the flags of the commands that talk to a node.
type clientOptions struct {
	server  string
	token   string
	caFile  string
	cert    string
	key     string
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
	f.StringVar(&a.client.caFile, "ca-file", "", "`FILE` of the authorities that sign the certificates of nodes (MUSTER_CA_FILE, default this machine's)")
	f.StringVar(&a.client.cert, "client-cert", "", "`FILE` of the certificate to show to nodes that want one (MUSTER_CLIENT_CERT)")
	f.StringVar(&a.client.key, "client-key", "", "`FILE` of its private key (MUSTER_CLIENT_KEY)")
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
	secure, err := a.clientTLS()
	if err != nil {
		return nil, err
	}
	token := a.either(a.client.token, "MUSTER_TOKEN")
	return newRemote(u.Scheme, strings.TrimSuffix(server, "/"), token, a.client.timeout, secure), nil
}

// either is what a flag says, else what the environment does.
func (a *app) either(flag, variable string) string {
	if flag != "" {
		return flag
	}
	return a.variable(variable)
}

// clientTLS is how to talk to nodes by TLS; nil for the usual way.
func (a *app) clientTLS() (*tls.Config, error) {
	authorities := a.either(a.client.caFile, "MUSTER_CA_FILE")
	cert, key := a.either(a.client.cert, "MUSTER_CLIENT_CERT"), a.either(a.client.key, "MUSTER_CLIENT_KEY")
	switch {
	case (cert == "") != (key == ""):
		return nil, failed(exitUsage, "--client-cert and --client-key belong together: give both, or neither")
	case authorities == "" && cert == "":
		return nil, nil //nolint:nilnil // Nothing is asked for, and that is no error.
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if authorities != "" {
		if c.RootCAs, err = certificate.ReadAuthorities(authorities); err != nil {
			return nil, fmt.Errorf("--ca-file: %w", err)
		}
	}
	if cert != "" {
		pair, err := certificate.ReadPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("--client-cert: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
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
