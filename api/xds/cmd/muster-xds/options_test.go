package main

import (
	"bytes"
	"net"
	"strings"
	"testing"
)

func noEnv(string) string { return "" }

func TestAWrongUsageIsOneLineThatNamesItAndStatus2(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--no-such-flag", "no-such-flag"},
		{"extra", `"extra"`},
		{"--log-format xml", "xml"},
		{"--log-level loud", "log-level"},
		{"--listen 18000", "--listen"},
		{"--listen 0.0.0.0:0", "--insecure"},
		{"--listen example.org:0", "--insecure"},
		{"--admin :0", "--insecure"},
	} {
		var out, err bytes.Buffer
		if code := run(t.Context(), strings.Fields(c.args), noEnv, &out, &err); code != exitUsage {
			t.Errorf("%s: status %d", c.args, code)
		}
		if got := err.String(); !strings.Contains(got, c.want) || strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "muster-xds: ") {
			t.Errorf("%s: said %q", c.args, got)
		}
	}
}

func TestWhatCannotStartIsOneLineAndStatus1(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	address := taken.Addr().String()
	for _, args := range []string{
		"--listen " + address + " --admin off", "--listen 127.0.0.1:0 --admin " + address, "--server ftp://x",
		"--server http://x/path --listen 127.0.0.1:0 --admin off",
	} {
		var out, err bytes.Buffer
		if code := run(t.Context(), strings.Fields(args), noEnv, &out, &err); code != exitFailed || strings.Count(err.String(), "\n") != 1 {
			t.Errorf("%s: status %d, said %q", args, code, err.String())
		}
	}
}

func TestHelpListsEveryFlag(t *testing.T) {
	var out, err bytes.Buffer
	if code := run(t.Context(), []string{"--help"}, noEnv, &out, &err); code != exitDone || err.Len() > 0 {
		t.Errorf("status %d, said %q", code, err.String())
	}
	for _, flag := range []string{"--server URL", "--listen HOST:PORT", "--admin HOST:PORT", "--dc NAME", "--namespace NAME", "--token TOKEN", "--log-format text|json", "--log-level LEVEL", "--insecure"} {
		if !strings.Contains(out.String(), flag) {
			t.Errorf("no %s in\n%s", flag, out.String())
		}
	}
}

func TestFlagsCountForMoreThanTheEnvironment(t *testing.T) {
	env := func(name string) string {
		return map[string]string{"MUSTER_SERVER": "http://e:1", "MUSTER_TOKEN": "secret"}[name]
	}
	o, err := parse(nil, env, nil)
	if err != nil || len(o.servers) != 1 || o.servers[0] != "http://e:1" || o.token != "secret" {
		t.Errorf("%+v, %v", o, err)
	}
	o, err = parse([]string{"--server", "http://f:1", "--server", "http://g:1", "--token", "other"}, env, nil)
	if err != nil || strings.Join(o.servers, " ") != "http://f:1 http://g:1" || o.token != "other" {
		t.Errorf("%+v, %v", o, err)
	}
}
