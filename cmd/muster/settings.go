package main

import (
	"fmt"
	"log/slog"
	"math"
	"strings"
	"time"
)

// settings is what an agent is told, by flags, environment, file and defaults. Each field of it is one line of fields.
type settings struct {
	node, dc, zone    string
	bind, advertise   string
	wanBind, wanAdv   string
	wanJoin           []string
	export            []string
	join, http        []string
	eurekaPeers       []string
	dataDir           string
	encrypt           string
	encryptFile       string
	tlsCert, tlsKey   string
	tlsClientCA       string
	remoteMaxAge      time.Duration
	profile           string
	readyWait         time.Duration
	preserveThreshold float64
	preserveMinLost   int
	preserveMaxAge    time.Duration
	logLevel          slog.Level
	logFormat         string
	insecure          bool
	dns               string
	dnsTTL            time.Duration
	dnsNegativeTTL    time.Duration
	dnsRate           int
	preserveProbe     bool
	scriptChecks      bool
}

// fields is the one list of what an agent can be told: flags, environment variables, the keys of the file, the defaults
// and the documentation all come from it. The fields write to s.
func fields(s *settings) []field {
	return []field{
		{name: "node", value: (*textValue)(&s.node), def: "", shown: "host name", arg: "NAME", help: "name of this node, unique in its data centre"},
		{name: "dc", value: (*textValue)(&s.dc), def: "dc1", arg: "NAME", help: "data centre that this node is in"},
		{name: "zone", value: (*textValue)(&s.zone), def: "", shown: "empty", arg: "NAME", help: "failure domain inside the data centre; instances that name none get it"},
		{name: "bind", value: (*textValue)(&s.bind), def: "127.0.0.1:7946", arg: "HOST:PORT", help: "address of gossip, UDP and TCP; port 0 picks a free one"},
		{name: "advertise", value: (*textValue)(&s.advertise), def: "", shown: "as bound", arg: "IP:PORT", help: "address of gossip that other nodes are told"},
		{name: "join", value: (*listValue)(&s.join), def: "", shown: "none", arg: "HOST:PORT", help: "node to join; host names are resolved anew at each try"},
		{name: "wan-bind", value: (*textValue)(&s.wanBind), def: "", shown: "off", arg: "HOST:PORT", help: "address for gateways of other data centres, UDP and TCP: makes the node a gateway of its own"},
		{name: "wan-advertise", value: (*textValue)(&s.wanAdv), def: "", shown: "as bound", arg: "IP:PORT", help: "address that other gateways are told"},
		{name: "wan-join", value: (*listValue)(&s.wanJoin), def: "", shown: "none", arg: "HOST:PORT", help: "gateway to join; host names are resolved anew at each try"},
		{name: "export", value: (*listValue)(&s.export), def: "", shown: "all", arg: "RULE", help: "which instances other data centres hear of: SERVICE=all, SERVICE=none or SERVICE=tag:NAME, where SERVICE may end with *; the first rule that matches counts"},
		{name: "http", value: (*listValue)(&s.http), def: "127.0.0.1:8761", arg: "HOST:PORT", help: "address of the API and the dashboard; port 0 picks a free one"},
		{name: "eureka-peer", value: (*listValue)(&s.eurekaPeers), def: "", shown: "none", arg: "URL", help: "service URL of a Eureka server to keep up to date during a move; give every node the same ones"},
		{name: "data-dir", value: (*textValue)(&s.dataDir), def: "", shown: "none: memory only", arg: "DIR", help: "where the node keeps its snapshot"},
		{name: "encrypt", value: (*textValue)(&s.encrypt), def: "", shown: "none", arg: "KEY", help: "key that encrypts gossip: base64 of 16, 24 or 32 bytes; a flag can be seen by others of this machine"},
		{name: "encrypt-file", value: (*textValue)(&s.encryptFile), def: "", shown: "none", arg: "FILE", help: "file of such keys, one a line: the first encrypts, all decrypt"},
		{name: "tls-cert", value: (*textValue)(&s.tlsCert), def: "", shown: "none: HTTP without TLS", arg: "FILE", help: "certificate of the API, in PEM, with those that lead to its authority; read anew when it changes, and at SIGHUP"},
		{name: "tls-key", value: (*textValue)(&s.tlsKey), def: "", shown: "none", arg: "FILE", help: "its private key"},
		{name: "tls-client-ca", value: (*textValue)(&s.tlsClientCA), def: "", shown: "none", arg: "FILE", help: "authorities of clients: who has no certificate of theirs is refused, and links between data centres are mutual TLS"},
		{name: "profile", value: &choiceValue{&s.profile, []string{"local", "lan", "wan"}}, def: "lan", arg: "local|lan|wan", help: "timings of gossip"},
		{name: "ready-wait", value: &durationValue{to: &s.readyWait, least: time.Millisecond}, def: "60s", arg: "DURATION", help: "how long a node whose seeds do not answer stays not ready"},
		{name: "preserve-threshold", value: (*shareValue)(&s.preserveThreshold), def: "0.85", arg: "SHARE", help: "share of the leases that has to renew, 0 to 1; below it nothing is evicted"},
		{name: "preserve-min-lost", value: (*countValue)(&s.preserveMinLost), def: "3", arg: "COUNT", help: "so many silent leases at least before anything is preserved"},
		{name: "preserve-max-age", value: &durationValue{to: &s.preserveMaxAge, never: "unlimited"}, def: "unlimited", arg: "DURATION", help: "how long an expired instance is preserved"},
		{name: "preserve-probe", value: (*boolValue)(&s.preserveProbe), def: "true", arg: "BOOL", help: "connect to the address of a preserved instance, sending nothing: who refuses is evicted; false where proxies or firewalls answer for others"},
		{name: "remote-max-age", value: &durationValue{to: &s.remoteMaxAge, never: "unlimited"}, def: "unlimited", arg: "DURATION", help: "how long another data centre may not be reachable before its instances are left out of answers, until it is"},
		{name: "enable-script-checks", value: (*switchValue)(&s.scriptChecks), def: "false", help: "run scripts that registrations bring as health checks, as this process's user; else such registrations are refused"},
		{name: "dns", value: (*textValue)(&s.dns), def: "127.0.0.1:8600", arg: "HOST:PORT", help: "address of DNS, UDP and TCP; port 0 picks a free one; off for none"},
		{name: "dns-ttl", value: (*secondsValue)(&s.dnsTTL), def: "0s", arg: "DURATION", help: "how long clients may keep an answer of DNS"},
		{name: "dns-negative-ttl", value: (*secondsValue)(&s.dnsNegativeTTL), def: "0s", arg: "DURATION", help: "how long they may keep it that there is nothing of a name"},
		{name: "dns-rate", value: (*rateValue)(&s.dnsRate), def: "1000", arg: "COUNT", help: "answers a second over UDP for the clients of one network, /24 or /56; more are sent to TCP; 0 for no limit; this machine itself has none"},
		{name: "log-level", value: (*levelValue)(&s.logLevel), def: "info", arg: "LEVEL", help: "debug, info, warn or error; logs go to standard error"},
		{name: "log-format", value: &choiceValue{&s.logFormat, []string{"text", "json"}}, def: "text", arg: "text|json", help: "form of the log"},
		{name: "insecure", value: (*switchValue)(&s.insecure), def: "false", help: "listen beyond loopback without encryption"},
	}
}

// field is one thing that an agent can be told.
type field struct {
	// name is the flag's without dashes, and the key in the file.
	name string
	// value is where it is written to.
	value value
	// def is the default, as text; shown is what is said of it if that is not the text itself.
	def, shown string
	// arg stands for the value in the help; empty for a switch.
	arg string
	// help is one line.
	help string
}

// variable is the environment variable: MUSTER_READY_WAIT for ready-wait. Lists are separated by commas there.
func (f field) variable() string {
	return "MUSTER_" + strings.ToUpper(strings.ReplaceAll(f.name, "-", "_"))
}

// shownDefault is the default for people.
func (f field) shownDefault() string {
	if f.shown != "" {
		return f.shown
	}
	return f.def
}

// isList reports whether the field may be given several times.
func (f field) isList() bool {
	_, ok := f.value.(*listValue)
	return ok
}

// isSwitch reports whether the field's flag takes no value.
func (f field) isSwitch() bool {
	_, ok := f.value.(*switchValue)
	return ok
}

// agentFlagTable documents the flags of the agent as a table in Markdown.
func agentFlagTable() string {
	var b strings.Builder
	b.WriteString("| flag | environment | default | |\n|---|---|---|---|\n")
	rows := append(fields(&settings{}), field{name: "config", arg: "FILE", shown: "none", help: configHelp})
	for _, f := range rows {
		flag := "--" + f.name
		if f.arg != "" {
			flag += " " + strings.ReplaceAll(f.arg, "|", `\|`)
		}
		help := f.help
		if f.isList() {
			help += "; repeatable"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", flag, f.variable(), f.shownDefault(), help)
	}
	return b.String()
}

// unlimited is how long "unlimited" is: package muster takes 0 for it.
const unlimited = time.Duration(0)

// longest bounds durations, so that adding two of them cannot overflow.
const longest = time.Duration(math.MaxInt64 / 4)
