package main

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// samples are, for each setting, what a file, the environment and a flag may say of it.
func samples() map[string][3]string {
	return map[string][3]string{
		"node": {"f", "e", "c"}, "dc": {"f", "e", "c"}, "zone": {"f", "e", "c"},
		"bind": {"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"}, "advertise": {"10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3"},
		"join": {"[a:1, b:1]", "a:2, b:2", "a:3"}, "http": {"127.0.0.1:1", "127.0.0.1:2,127.0.0.1:3", "127.0.0.1:4"},
		"wan-bind": {"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"}, "wan-advertise": {"10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3"},
		"wan-join":    {"[a:1, b:1]", "a:2, b:2", "a:3"},
		"export":      {"[a=none, '*=tag:b']", "a=all, *=none", "*=tag:c"},
		"eureka-peer": {"[http://a/, http://b/]", "http://c/,http://d/", "http://e/"},
		"data-dir":    {"f", "e", "c"}, "encrypt": {"f", "e", "c"}, "encrypt-file": {"f", "e", "c"},
		"tls-cert": {"f", "e", "c"}, "tls-key": {"f", "e", "c"}, "tls-client-ca": {"f", "e", "c"}, "remote-max-age": {"1h", "2h", "unlimited"},
		"profile": {"local", "wan", "local"}, "ready-wait": {"1s", "2s", "3s"},
		"preserve-threshold": {"0.1", "0.2", "1"}, "preserve-min-lost": {"4", "5", "6"}, "preserve-max-age": {"1h", "2h", "3h"},
		"preserve-probe": {"false", "true", "false"}, "enable-script-checks": {"true", "false", "true"},
		"dns": {"127.0.0.1:1", "127.0.0.1:2", "off"}, "dns-ttl": {"1s", "2s", "1m"}, "dns-negative-ttl": {"1s", "2s", "1m"}, "dns-rate": {"1", "2", "0"},
		"log-level": {"debug", "warn", "error"}, "log-format": {"json", "text", "json"}, "insecure": {"true", "false", "true"},
	}
}

// reading is what a field has been set to, for comparison.
func reading(v value) string {
	switch v := v.(type) {
	case *choiceValue:
		return *v.to
	case *durationValue:
		return v.to.String()
	case *levelValue:
		return slog.Level(*v).String()
	default:
		return fmt.Sprint(reflect.ValueOf(v).Elem().Interface())
	}
}

// resolved is what a field is, given by those sources.
func resolved(t *testing.T, name, file, variable, flag string) string {
	t.Helper()
	vars := map[string]string{}
	if file != "" {
		path := filepath.Join(t.TempDir(), "muster.yaml")
		if err := os.WriteFile(path, []byte("# A comment.\n"+name+": "+file+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		vars["MUSTER_CONFIG"] = path
	}
	if variable != "" {
		vars["MUSTER_"+strings.ReplaceAll(strings.ToUpper(name), "-", "_")] = variable
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	l := newLayers(flags, environmentOf(vars, nil).lookup)
	if flag != "" {
		if err := flags.Parse([]string{"--" + name + "=" + flag}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.resolve(); err != nil {
		t.Fatal(err)
	}
	for _, g := range l.flags {
		if g.field.name == name {
			return reading(g.field.value)
		}
	}
	t.Fatalf("no field %s", name)
	return ""
}

func TestEachSettingCountsByFlagThenEnvironmentThenFileThenDefault(t *testing.T) {
	all := samples()
	for _, f := range fields(&settings{}) {
		s, ok := all[f.name]
		if !ok {
			t.Errorf("no samples for %s", f.name)
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			if err := f.value.set(defaults(f)); err != nil {
				t.Fatalf("its default cannot be taken: %v", err)
			}
			if got, want := resolved(t, f.name, "", "", ""), reading(f.value); got != want {
				t.Errorf("by default it is %q, want %q", got, want)
			}
			fromFile := resolved(t, f.name, s[0], "", "")
			fromVariable := resolved(t, f.name, "", s[1], "")
			fromFlag := resolved(t, f.name, "", "", s[2])
			if fromFile == fromVariable || fromVariable == fromFlag {
				t.Fatalf("the samples do not tell the sources apart: %q, %q, %q", fromFile, fromVariable, fromFlag)
			}
			if got := resolved(t, f.name, s[0], s[1], ""); got != fromVariable {
				t.Errorf("over a file the environment gives %q, want %q", got, fromVariable)
			}
			if got := resolved(t, f.name, s[0], s[1], s[2]); got != fromFlag {
				t.Errorf("over all else a flag gives %q, want %q", got, fromFlag)
			}
		})
	}
}

func TestListsAreReplacedNotJoinedAndTheirFlagsRepeat(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	l := newLayers(flags, environmentOf(map[string]string{"MUSTER_HTTP": "127.0.0.1:1,127.0.0.1:2", "MUSTER_JOIN": " a:1 , b:1,"}, nil).lookup)
	if err := flags.Parse([]string{"--http", "127.0.0.1:3", "--http", "127.0.0.1:4"}); err != nil {
		t.Fatal(err)
	}
	s, err := l.resolve()
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(s.http, s.join) != "[127.0.0.1:3 127.0.0.1:4] [a:1 b:1]" {
		t.Errorf("http %q, join %q", s.http, s.join)
	}
}

func TestAVariableWithABadValueIsNamed(t *testing.T) {
	got := invoke(t, map[string]string{"MUSTER_READY_WAIT": "soon"}, "agent")
	want := "muster: MUSTER_READY_WAIT must be a duration such as \"30s\" or \"2h\", not \"soon\"\n"
	if got.status != exitFailed || got.errs != want {
		t.Errorf("status %d, %s", got.status, got.errs)
	}
}

func TestTheNodeIsToldWhatTheSettingsSay(t *testing.T) {
	dir := t.TempDir()
	first, second := strings.Repeat("k", 32), strings.Repeat("l", 16)
	ring := filepath.Join(dir, "ring")
	text := base64.StdEncoding.EncodeToString([]byte(first)) + "\n# old\n" + base64.StdEncoding.EncodeToString([]byte(second)) + "\n"
	if err := os.WriteFile(ring, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	l := newLayers(flags, environmentOf(nil, nil).lookup)
	if err := flags.Parse([]string{
		"--node=n1", "--dc=dc2", "--zone=a", "--bind=0.0.0.0:7946", "--advertise=10.0.0.1:7946", "--join=10.0.0.2:7946",
		"--wan-bind=0.0.0.0:7947", "--wan-advertise=10.0.0.1:7947", "--wan-join=10.0.0.9:7947",
		"--export=a=none", "--export=*=tag:b", "--http=0.0.0.0:8761", "--data-dir=" + dir, "--encrypt-file=" + ring, "--profile=wan", "--ready-wait=7s",
		"--preserve-threshold=0.5", "--preserve-min-lost=9", "--preserve-max-age=48h", "--preserve-probe=false", "--insecure", "--enable-script-checks", "--remote-max-age=72h",
	}); err != nil {
		t.Fatal(err)
	}
	s, err := l.resolve()
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.nodeConfig()
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s %s %s %s %s %s %s %s %s %s %s %s %s %q %v %v %v %v", c.Node, c.Datacenter, c.Zone, c.Bind, c.Advertise, c.Join,
		c.WANBind, c.WANAdvertise, c.WANJoin, c.Export,
		c.Profile, c.ReadyWait, c.DataDir[:1], c.Keys, c.Insecure, c.Preserve, c.EnableScriptChecks, c.RemoteMaxAge)
	want := fmt.Sprintf("n1 dc2 a 0.0.0.0:7946 10.0.0.1:7946 [10.0.0.2:7946] 0.0.0.0:7947 10.0.0.1:7947 [10.0.0.9:7947] [a=none *=tag:b] wan 7s / [%q %q] true {0.5 9 48h0m0s false} true 72h0m0s", first, second)
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
