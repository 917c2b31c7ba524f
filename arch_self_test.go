package muster_test

import (
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// parse makes a source of text, as if it stood at path. A text without a package clause gets one, so that its first
// line is line 1 of the file.
func parse(t *testing.T, path, text string) source {
	t.Helper()
	if !strings.Contains(text, "package ") {
		text = "package p; " + text
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path, text, parser.ParseComments)
	if err != nil {
		t.Fatalf("the sample does not parse: %v", err)
	}
	s := source{path: path, fset: fset, file: f}
	s.peers = []source{s}
	return s
}

func TestEachSourceRuleFindsItsBreachesAndNothingElse(t *testing.T) {
	t.Parallel()
	const (
		goroutine = "no goroutine in pure code"
		noClock   = "no clock in pure code"
		random    = "no global randomness in pure code or its tests"
		blocking  = "no I/O, no logging and nothing that blocks in pure code"
		lock      = "no lock in code with one owner"
		sleep     = "no sleep outside a synctest bubble"
	)
	for _, tc := range []struct {
		name string
		path string
		text string
		want []string // "line rule", in the order of rules
	}{
		{"goroutine", "catalog/a.go", "func f() {\n\tgo f()\n}", []string{"2 " + goroutine}},
		{"goroutine in a literal in a variable", "gossip/spread/a.go", "var f = func() {\n\tgo func() {}()\n}", []string{"2 " + goroutine}},
		{"goroutine below a pure package", "selfpreserve/wheel/a.go", "func f() { go f() }", []string{"1 " + goroutine}},
		{"goroutine in the replica", "replica_push.go", "func f() { go f() }", []string{"1 " + goroutine}},
		{"goroutine in a shell", "gossip/lan/a.go", "func f() { go f() }", nil},
		{"goroutine in the node", "node.go", "func f() { go f() }", nil},
		{"goroutine in a test of pure code", "catalog/a_test.go", "func f() { go f() }", nil},
		{"a file called replica elsewhere", "gossip/lan/replica.go", "func f() { go f() }", nil},

		{"clock called", "catalog/wire/a.go", "import \"time\"\nvar t = time.Now()", []string{"2 " + noClock}},
		{"clock as a value", "catalog/causal/a.go", "import \"time\"\nvar now = time.Now", []string{"2 " + noClock}},
		{"clock under another name", "selfpreserve/a.go", "import t \"time\"\nvar now = t.Since", []string{"2 " + noClock}},
		{"clock by dot import", "selfpreserve/a.go", "import . \"time\"\nvar now = Now", []string{"1 " + noClock, "1 " + sleep}},
		{"timer", "replica.go", "import \"time\"\nvar x = time.NewTimer(1)", []string{"2 " + noClock}},
		{"spans and points are values", "catalog/a.go", "import \"time\"\nfunc f(now time.Time) time.Time { return now.Add(time.Second) }", nil},
		{"a variable that hides the package", "catalog/a.go", "import \"time\"\nvar _ time.Time\nfunc f(time interface{ Now() int }) int { return time.Now() }", nil},
		{"clock in the node", "node.go", "import \"time\"\nvar t = time.Now()", nil},
		{"clock in a test of pure code", "catalog/a_test.go", "import \"time\"\nvar t = time.Now()", nil},
		{"clock in the simulator", "e2e/sim/world/a.go", "import \"time\"\nvar t = time.Now()", []string{"2 " + noClock}},

		{"global draw", "gossip/spread/a.go", "import \"math/rand/v2\"\nvar x = rand.IntN(3)", []string{"2 " + random}},
		{"global draw of the first generation", "catalog/a.go", "import \"math/rand\"\nvar x = rand.Intn(3)", []string{"2 " + random}},
		{"global draw in a test", "selfpreserve/a_test.go", "import \"math/rand/v2\"\nvar x = rand.N(3)", []string{"2 " + random}},
		{"seeded source", "gossip/spread/a.go", "import \"math/rand/v2\"\nfunc f(r *rand.Rand) int { return rand.New(rand.NewPCG(1, 2)).IntN(r.IntN(3)) }", nil},
		{"global draw in a shell", "gossip/lan/a.go", "import \"math/rand/v2\"\nvar x = rand.IntN(3)", nil},

		{"sockets", "catalog/a.go", "import \"net\"", []string{"1 " + blocking}},
		{"sockets further down", "catalog/a.go", "import \"net/http\"", []string{"1 " + blocking}},
		{"addresses are values", "catalog/a.go", "import (\"net/netip\"; \"net/url\")", nil},
		{"logging", "gossip/spread/a.go", "import \"log/slog\"", []string{"1 " + blocking}},
		{"files and contexts in the replica", "replica.go", "import \"os\"\nimport \"context\"", []string{"1 " + blocking, "2 " + blocking}},
		{"randomness without a seed", "gossip/frame/a.go", "import \"crypto/rand\"", []string{"1 " + blocking}},
		{"a test reads its files", "catalog/a_test.go", "import \"os\"", nil},
		{"the node has I/O", "node.go", "import (\"net\"; \"os\"; \"log/slog\"; \"context\")", nil},

		{"lock in the replica", "replica_test_clock.go", "import \"sync\"", []string{"1 " + lock}},
		{"atomics in the replica", "replica.go", "import \"sync/atomic\"", []string{"1 " + lock}},
		{"lock in the engine", "gossip/spread/a.go", "import \"sync\"", []string{"1 " + lock}},
		{"lock in the lease table", "selfpreserve/a.go", "import \"sync\"", []string{"1 " + lock}},
		{"pool in the codec", "gossip/frame/a.go", "import \"sync\"", nil},
		{"atomics in the catalog", "catalog/a.go", "import \"sync/atomic\"", nil},

		{"sleep in a test", "api/native/a_test.go", "import \"time\"\nfunc f() { time.Sleep(1) }", []string{"2 " + sleep}},
		{"sleep in a program", "gossip/lan/a.go", "import \"time\"\nfunc f() { time.Sleep(1) }", []string{"2 " + sleep}},
		{"sleep in disguise", "node_test.go", "import \"time\"\nfunc f() { <-time.After(1) }", []string{"2 " + sleep}},
		{"sleep as a value", "node_test.go", "import \"time\"\nvar wait = time.Sleep", []string{"2 " + sleep}},
		{"timeout in a select", "node_test.go", "import \"time\"\nfunc f(c chan int) { select { case <-c: case <-time.After(1): } }", nil},
		{"sleep in a select's body", "node_test.go", "import \"time\"\nfunc f(c chan int) { select { case <-c: <-time.After(1) } }", []string{"2 " + sleep}},
		{
			"sleep in a bubble, however deep", "node_test.go",
			"import (\"testing\"; \"testing/synctest\"; \"time\")\n" +
				"func TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) { go func() { time.Sleep(1); <-time.After(1) }() }) }", nil,
		},
		{
			"sleep beside a bubble", "node_test.go",
			"import (\"testing\"; \"testing/synctest\"; \"time\")\n" +
				"func TestX(t *testing.T) {\n\tsynctest.Test(t, func(t *testing.T) {})\n\ttime.Sleep(1)\n}",
			[]string{"4 " + sleep},
		},
		{
			"a helper that only bubbles run", "node_test.go",
			"import (\"testing\"; \"testing/synctest\"; \"time\")\n" +
				"func settle() { pause() }\nfunc pause() { time.Sleep(1) }\nfunc body(t *testing.T) { settle() }\n" +
				"func TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) { settle() }); synctest.Test(t, body) }", nil,
		},
		{
			"a helper that others run too", "node_test.go",
			"import (\"testing\"; \"testing/synctest\"; \"time\")\n" +
				"func settle() { pause() }\nfunc pause() { time.Sleep(1) }\n" +
				"func TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) { settle() }) }\n" +
				"func TestY(t *testing.T) { settle() }",
			[]string{"3 " + sleep},
		},
		{"a helper that nobody runs", "node_test.go", "import \"time\"\nfunc settle() { time.Sleep(1) }", []string{"2 " + sleep}},
		{
			"a program's function is no helper of tests", "node.go",
			"import (\"testing\"; \"testing/synctest\"; \"time\")\nfunc settle() { time.Sleep(1) }\n" +
				"func run(t *testing.T) { synctest.Test(t, func(t *testing.T) { settle() }) }",
			[]string{"2 " + sleep},
		},
		{
			"a function literal given to something else", "node_test.go",
			"import (\"testing\"; \"time\")\nfunc TestX(t *testing.T) { t.Run(\"x\", func(t *testing.T) { time.Sleep(1) }) }",
			[]string{"2 " + sleep},
		},
		{
			"a function given to a helper that runs it in a bubble", "node_test.go",
			"import (\"testing\"; \"testing/synctest\"; \"time\")\n" +
				"func bubble(t *testing.T, f func(*testing.T)) { synctest.Test(t, func(t *testing.T) { f(t) }) }\n" +
				"func TestX(t *testing.T) { bubble(t, func(t *testing.T) { time.Sleep(1) }) }", nil,
		},
		{
			"a function given to a helper that runs it outside too", "node_test.go",
			"import (\"testing\"; \"testing/synctest\"; \"time\")\n" +
				"func bubble(t *testing.T, f func(*testing.T)) { f(t); synctest.Test(t, func(t *testing.T) { f(t) }) }\n" +
				"func TestX(t *testing.T) { bubble(t, func(t *testing.T) { time.Sleep(1) }) }",
			[]string{"3 " + sleep},
		},
		{"a packet that travels is a sleep", "gossip/gossiptest/a.go", "import \"time\"\nfunc f() { time.Sleep(1) }", nil},
		{"sleep between processes", "e2e/proc/a_test.go", "import \"time\"\nfunc f() { time.Sleep(1) }", nil},
		{"sleep between real clients", "e2e/interop/a_test.go", "import \"time\"\nfunc f() { time.Sleep(1) }", nil},
		{"sleep elsewhere in e2e", "e2e/bubble/a_test.go", "import \"time\"\nfunc f() { time.Sleep(1) }", []string{"2 " + sleep}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := parse(t, tc.path, tc.text)
			var got []string
			for _, r := range rules {
				for _, n := range r.check(s) {
					line, _, _ := strings.Cut(strings.TrimPrefix(n, tc.path+":"), ":")
					got = append(got, line+" "+r.name)
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("in %s\n%s\nfound %q\nwant  %q", tc.path, tc.text, got, tc.want)
			}
		})
	}
}

func TestArrowsThatRunUpAreFound(t *testing.T) {
	t.Parallel()
	const memberlist, msgpack = "github.com/hashicorp/memberlist", "github.com/vmihailenco/msgpack/v5"
	own := func(folder string) string { return module + "/" + folder }
	for _, tc := range []struct {
		path, imports string
		forbidden     bool
	}{
		{"catalog/causal/a.go", own("catalog"), true},
		{"catalog/causal/a_test.go", own("catalog/causal"), false},
		{"catalog/a.go", own("catalog/causal"), false},
		{"catalog/a.go", own("catalog/wire"), true},
		{"catalog/a_test.go", own("catalog/wire"), false},
		{"catalog/a.go", own("gossip/spread"), true},
		{"catalog/a_test.go", own("selfpreserve"), true},
		{"catalog/a.go", module, true},
		{"catalog/a.go", msgpack, true},
		{"catalog/a.go", "golang.org/x/time/rate", true},
		{"catalog/a_test.go", "pgregory.net/rapid", false},
		{"catalog/wire/a.go", own("catalog"), false},
		{"catalog/wire/a.go", msgpack, false},
		{"selfpreserve/a.go", own("catalog/causal"), true},
		{"selfpreserve/a.go", "github.com/prometheus/client_golang/prometheus", true},
		{"gossip/spread/a.go", own("catalog/causal"), false},
		{"gossip/spread/a.go", own("catalog"), true},
		{"gossip/spread/a.go", own("gossip/frame"), true},
		{"gossip/spread/a_test.go", own("gossip/frame"), false},
		{"gossip/spread/a_test.go", own("gossip/gossiptest"), true},
		{"gossip/spread/a.go", memberlist, true},
		{"gossip/frame/a.go", own("gossip/spread"), false},
		{"gossip/frame/a.go", msgpack, false},
		{"gossip/frame/a.go", own("gossip/lan"), true},
		{"gossip/lan/a.go", memberlist, false},
		{"gossip/lan/a.go", own("catalog"), true},
		{"gossip/lan/a.go", own("selfpreserve"), true},
		{"gossip/lan/a_test.go", own("gossip/gossiptest"), false},
		{"gossip/lan/a.go", own("gossip/gossiptest"), true},
		{"gossip/gossiptest/a.go", memberlist, false},
		{"gossip/gossiptest/a.go", "testing", false},
		{"node.go", own("catalog/wire"), false},
		{"node.go", own("gossip/lan"), false},
		{"node.go", own("api"), true},
		{"node.go", memberlist, true},
		{"node_test.go", own("gossip/gossiptest"), false},
		{"node.go", own("gossip/gossiptest"), true},
		{"node.go", "testing", true},
		{"message.go", msgpack, false},
		{"replica.go", "golang.org/x/time/rate", true},
		{"api/a.go", own("api/native"), false},
		{"api/native/a.go", module, false},
		{"api/native/a.go", own("api"), false},
		{"api/native/a.go", own("api/problem"), false},
		{"api/native/a.go", own("api/native/sse"), false},
		{"api/native/a.go", own("api/consul"), true},
		{"api/native/sse/a_test.go", own("api/eureka/xml"), true},
		{"api/client/a.go", own("api/native"), true},
		{"api/native/a.go", own("catalog"), true},
		{"api/native/a.go", own("cmd/muster"), true},
		{"api/ui/a.go", msgpack, true},
		{"cmd/muster/main.go", own("api"), false},
		{"cmd/muster/main.go", module, false},
		{"cmd/muster/main.go", own("selfpreserve"), true},
		{"cmd/muster/main.go", own("e2e/bench"), true},
		{"e2e/proc/a_test.go", own("gossip/lan"), false},
		{"e2e/bench/a.go", memberlist, false},
		{"e2e/sim/world/a.go", own("gossip/spread"), false},
		{"e2e/sim/world/a.go", own("gossip/lan"), true},
		{"e2e/sim/world/a.go", own("api/native"), true},
		{"pkg/a.go", own("catalog"), true},
	} {
		s := parse(t, tc.path, "import "+strconv.Quote(tc.imports))
		if found := forbiddenImports(s); (len(found) > 0) != tc.forbidden {
			t.Errorf("%s imports %s: found %q, want forbidden=%v", tc.path, tc.imports, found, tc.forbidden)
		}
	}
}

func TestForeignFoldersAreFound(t *testing.T) {
	t.Parallel()
	got := foreignFolders([]string{"catalog", "catalog/wire", "testdata", "pkg", "pkg/x", "api/common"})
	if len(got) != 2 || !strings.HasPrefix(got[0], "pkg:") || !strings.HasPrefix(got[1], "api/common:") {
		t.Errorf("found %q", got)
	}
}

func TestMissingAndMisplacedDocumentationIsFound(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		files map[string]string // path -> text
		want  []string          // a part of each finding, in order
	}{
		{"documented", map[string]string{"a/doc.go": "// Package a is.\npackage a", "a/x.go": "package a"}, nil},
		{"a command", map[string]string{"cmd/muster/doc.go": "// Command muster is.\npackage main"}, nil},
		{"tests alone", map[string]string{"a/x_test.go": "package a_test"}, nil},
		{"no doc.go", map[string]string{"a/x.go": "package a"}, []string{"a: a package without doc.go"}},
		{"the comment elsewhere", map[string]string{"a/x.go": "// Package a is.\npackage a"}, []string{"a/x.go: the package comment belongs", "a: a package without doc.go"}},
		{"two comments", map[string]string{"a/doc.go": "// Package a is.\npackage a", "a/x.go": "// Package a too.\npackage a"}, []string{"a/x.go: the package comment belongs"}},
		{"an empty doc.go", map[string]string{"a/doc.go": "package a"}, []string{"a/doc.go: no package comment"}},
		{"another opening", map[string]string{"a/doc.go": "// This is a.\npackage a"}, []string{"starts with \"Package a \""}},
		{"code in doc.go", map[string]string{"a/doc.go": "// Package a is.\npackage a\nvar x int"}, []string{"holds the package comment alone"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var files []source
			for path, text := range tc.files {
				files = append(files, parse(t, path, text))
			}
			got := undocumented(files)
			if len(got) != len(tc.want) {
				t.Fatalf("found %q, want %q", got, tc.want)
			}
			for i, want := range tc.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("found %q, want %q", got[i], want)
				}
			}
		})
	}
}

func TestUnfitDependenciesAreFound(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		p    pkg
		want int
	}{
		{pkg{ImportPath: module + "/catalog", Deps: []string{"fmt", "os", "net/netip"}}, 0},
		{pkg{ImportPath: module + "/catalog", Deps: []string{"net", "net/http"}}, 2},
		{pkg{ImportPath: module + "/gossip/spread", Deps: []string{"os/exec"}}, 1},
		{pkg{ImportPath: module, Deps: []string{"net", "testing"}}, 0},
		{pkg{ImportPath: module + "/cmd/muster", Name: "main", Deps: []string{"net", "fmt"}}, 0},
		{pkg{ImportPath: module + "/cmd/muster", Name: "main", Deps: []string{"testing"}}, 1},
		{pkg{ImportPath: module + "/api/client", Deps: []string{"net/http", "vendor/golang.org/x/net/idna", module + "/api/client/balance", "github.com/sony/gobreaker/v2"}}, 0},
		{pkg{ImportPath: module + "/api/client", Deps: []string{module, module + "/api", "github.com/hashicorp/memberlist"}}, 3},
		{pkg{ImportPath: module + "/api/client/transport", Deps: []string{module + "/catalog", "github.com/prometheus/client_golang/prometheus"}}, 2},
	} {
		if got := unfitDeps(tc.p); len(got) != tc.want {
			t.Errorf("%s with %q: found %q, want %d", tc.p.ImportPath, tc.p.Deps, got, tc.want)
		}
	}
}
