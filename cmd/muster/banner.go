package main

import (
	"fmt"
	"net"
	"strings"

	"github.com/musterhq/muster"
)

// say prints to standard output.
func (g *agent) say(format string, args ...any) {
	_, _ = fmt.Fprintf(g.app.out, format, args...) // A node does not stop because nobody reads what it says.
}

// banner prints the addresses in use, one a line behind a word of its own, and some commands to try.
func (g *agent) banner() {
	urls := make([]string, 0, len(g.web.listeners))
	for _, l := range g.web.addresses() {
		urls = append(urls, g.tls.scheme()+"://"+reachable(l, g.node.Addr()))
	}
	g.say("muster agent %s node=%s dc=%s\n", muster.Version(), g.node.Name(), g.node.Datacenter())
	g.say("gossip  %s\n", g.node.Addr())
	if wan := g.node.WANAddr(); wan != "" {
		g.say("wan     %s\n", wan)
	}
	for _, u := range urls {
		g.say("http    %s\n", u)
	}
	g.say("ui      %s/ui/\n", urls[0])
	at := g.dns.address()
	if at != "" {
		at = reachable(at, g.node.Addr())
		g.say("dns     %s\n", at)
	}
	g.say("\ntry:\n")
	g.say("  curl -X POST %s/register -d '{\"id\":\"p1\",\"name\":\"payments\",\"address\":\"10.0.0.5:8080\",\"ttl\":30}'\n", urls[0])
	g.say("  curl %s/services?name=payments\n", urls[0])
	if host, port, err := net.SplitHostPort(at); err == nil {
		g.say("  dig @%s -p %s payments.service.muster SRV\n", host, port)
	}
	g.say("  muster agent %s\n\n", strings.Join(g.joiner(), " "))
}

// joiner is the flags with which a second node, on this machine, joins this one.
func (g *agent) joiner() []string {
	s := g.set
	host, _, err := net.SplitHostPort(s.bind)
	if err != nil {
		host = "127.0.0.1"
	}
	flags := []string{"--node", g.node.Name() + "-2"}
	add := func(name, value, def string) {
		if value != def {
			flags = append(flags, "--"+name, value)
		}
	}
	add("dc", s.dc, "dc1")
	add("zone", s.zone, "")
	add("profile", s.profile, "lan")
	flags = append(flags, "--bind", net.JoinHostPort(host, "0"), "--http", "127.0.0.1:0")
	if s.dns == dnsOff {
		flags = append(flags, "--dns", dnsOff)
	} else {
		flags = append(flags, "--dns", "127.0.0.1:0")
	}
	flags = append(flags, "--join", g.node.Addr())
	add("tls-cert", s.tlsCert, "")
	add("tls-key", s.tlsKey, "")
	add("tls-client-ca", s.tlsClientCA, "")
	add("encrypt-file", s.encryptFile, "")
	if s.encrypt != "" {
		flags = append(flags, "--encrypt", "KEY") // The key itself would stay in terminals and logs.
	}
	if s.insecure {
		flags = append(flags, "--insecure")
	}
	return flags
}
