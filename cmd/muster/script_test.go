package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCommandsPrintWhatIsRecorded runs the commands of testdata/*.txt. A line that begins with "$ muster " is a command,
// words are separated by spaces; what follows is its standard output, its standard error behind "! ", and its exit
// status behind "= " unless that is 0. Write what they print anew with -update.
func TestCommandsPrintWhatIsRecorded(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	n1, n2, n3, gone := fakeCluster(t)
	n1.members(member("n1", "alive", n1.host()), member("n2", "alive", n2.host()), member("n3", "alive", n3.host()),
		member("n4", "alive", ""), member("n5", "failed", gone))
	n2.members(member("n1", "alive", n1.host()), member("n2", "alive", n2.host()), member("n3", "left", ""))
	n3.members(member("n1", "alive", n1.host()), member("n6", "alive", gone))
	n1.answer("GET "+pathServices, 200, servicesBody)
	n1.answer("GET "+pathPreserve, 200, preserveBody)
	n1.answer("GET "+pathOfService("payments"), 200, instancesBody)
	n1.answer("GET "+pathOfService("none"), 200, `{"index":61247690438061,"service":"none","instances":[]}`+"\n")
	n1.echo("GET "+pathOfService("echo"), 200)
	n1.echo("POST "+pathRegister, 201)
	n1.echo("PUT /api/v1/services/{service}/instances/{id}/status", 200)
	n1.echo("DELETE /api/v1/services/{service}/instances/{id}/status", 200)
	n1.answer("DELETE "+pathOfService("payments")+"/instances/p1", 204, "")
	n1.answer("DELETE "+pathOfService("payments")+"/instances/nope", 404, notFound)
	n1.answer("DELETE "+pathMembers+"/n5", 204, "")
	n1.answer("DELETE "+pathMembers+"/nobody", 404, `{"title":"No such member","detail":"this node knows no member \"nobody\"","code":"member-not-found"}`)
	n1.answer("POST "+pathLeave, 202, `{"leaving":true}`)
	n1.answer("GET "+pathDoctor, 200, wrongBody)
	n2.answer("GET "+pathDoctor, 200, `{"node":"n2","datacenter":"dc1","at":"2026-11-24T06:31:00Z","healthy":true,"findings":[`+knownBody+"]}\n")
	n3.answer("GET "+pathDoctor, 200, `{"node":"n3","datacenter":"dc1","at":"2026-11-24T06:31:00Z","healthy":true,"findings":[]}`+"\n")
	n2.answer("GET "+pathServices, 200, `{"index":0,"services":[]}`+"\n")
	// The placeholders are as long as what they stand for, or tables would be recorded with other columns.
	asServed := strings.NewReplacer("127.0.0.1:10001", n1.host(), "127.0.0.1:10002", n2.host(), "127.0.0.1:10003", n3.host(), "127.0.0.1:10009", gone, "CERTIFICATES", newCertificates(t))
	asShown := strings.NewReplacer(n1.host(), "127.0.0.1:10001", n2.host(), "127.0.0.1:10002", n3.host(), "127.0.0.1:10003", gone, "127.0.0.1:10009")
	vars := map[string]string{"MUSTER_SERVER": n1.URL}
	for _, script := range scripts {
		t.Run(filepath.Base(script), func(t *testing.T) {
			recorded, err := os.ReadFile(script)
			if err != nil {
				t.Fatal(err)
			}
			var now bytes.Buffer
			for line := range strings.Lines(string(recorded)) {
				words, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "$ muster ")
				if strings.HasPrefix(line, "#") {
					now.WriteString(line)
				}
				if !ok {
					continue
				}
				got := invoke(t, vars, strings.Fields(asServed.Replace(words))...)
				fmt.Fprintf(&now, "\n%s%s", line, asShown.Replace(got.out))
				if got.errs != "" {
					oneLine(t, got.errs)
					fmt.Fprintf(&now, "! %s", asShown.Replace(got.errs))
				}
				if got.status != 0 {
					fmt.Fprintf(&now, "= %d\n", got.status)
				}
			}
			if *update {
				if err := os.WriteFile(script, now.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if now.String() != string(recorded) {
				t.Errorf("%s is not what is recorded; it is now:\n%s", script, now.String())
			}
		})
	}
}

func TestTheTableOfTheAgentsFlagsIsRecorded(t *testing.T) {
	const file = "testdata/agent_flags.md"
	got := agentFlagTable()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the table is now:\n%s", got)
	}
	help := invoke(t, nil, "agent", "--help").out
	for _, f := range fields(&settings{}) {
		if !strings.Contains(help, "--"+f.name) || !strings.Contains(help, f.variable()) {
			t.Errorf("the help of the agent does not tell of --%s and %s", f.name, f.variable())
		}
	}
}
