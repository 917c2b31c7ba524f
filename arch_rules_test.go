package muster_test

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
)

// source is one parsed Go file and where it stands: its path from the repository's root, with slashes.
type source struct {
	path  string
	fset  *token.FileSet
	file  *ast.File
	peers []source // all files of the folder, this one too
}

func (s source) folder() string { return path.Dir(s.path) }

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// at is where n stands, as path:line.
func (s source) at(n ast.Node) string {
	return s.path + ":" + strconv.Itoa(s.fset.Position(n.Pos()).Line)
}

// pure are the packages without clock, goroutines and I/O: what a seeded simulator replays bit for bit.
var pure = []string{"catalog/...", "selfpreserve/...", "gossip/spread/...", "gossip/frame/...", "e2e/sim/world/..."}

// oneOwner are the pure packages whose values are driven by a single goroutine. The catalog has lock-free readers, and
// the frame codec pools its encoders.
var oneOwner = []string{"selfpreserve/...", "gossip/spread/...", "e2e/sim/world/..."}

// adapters hold the sockets beside a pure package that must not import them.
var adapters = []string{"selfpreserve/probe"}

// isPure reports whether s is pure code: in a pure package, or one of the root's replica*.go, which hold the part of a
// node that the simulator drives.
func isPure(s source) bool {
	return within(s.folder(), pure) && !within(s.folder(), adapters) || isReplica(s)
}

func hasOneOwner(s source) bool {
	return within(s.folder(), oneOwner) && !within(s.folder(), adapters) || isReplica(s)
}

func isReplica(s source) bool {
	ok, err := path.Match("replica*.go", s.path)
	return ok && err == nil
}

// rule is something that no file it applies to may contain.
type rule struct {
	name    string
	why     string // what goes wrong otherwise
	applies func(source) bool
	find    func(source) []ast.Node
}

// check reports each place where s breaks the rule.
func (r rule) check(s source) (found []string) {
	if !r.applies(s) {
		return nil
	}
	for _, n := range r.find(s) {
		found = append(found, s.at(n)+": "+r.name+": "+r.why)
	}
	return found
}

var rules = []rule{
	{
		name:    "no goroutine in pure code",
		why:     "the scheduler's choices cannot be replayed; return an output and let the node run it",
		applies: func(s source) bool { return isPure(s) && !s.isTest() },
		find:    goStatements,
	},
	{
		name:    "no clock in pure code",
		why:     "take now as a parameter, so that the simulator owns time",
		applies: func(s source) bool { return isPure(s) && !s.isTest() },
		find: func(s source) []ast.Node {
			return uses(s, "time", func(name string) bool { return slices.Contains(clock, name) })
		},
	},
	{
		name:    "no global randomness in pure code or its tests",
		why:     "take a *rand.Rand as a parameter, so that a seed replays what failed",
		applies: isPure,
		find:    globalRandomness,
	},
	{
		name:    "no I/O, no logging and nothing that blocks in pure code",
		why:     "return errors and events; the node's shell holds sockets, files, contexts and loggers",
		applies: func(s source) bool { return isPure(s) && !s.isTest() },
		find: func(s source) []ast.Node {
			return imports(s, "context", "crypto/rand", "log", "net", "os", "syscall", module+"/selfpreserve/probe")
		},
	},
	{
		name:    "no lock in code with one owner",
		why:     "its owner serialises; a lock would hide a second one",
		applies: func(s source) bool { return hasOneOwner(s) && !s.isTest() },
		find:    func(s source) []ast.Node { return imports(s, "sync") },
	},
	{
		name: "no sleep outside a synctest bubble",
		why:  "a sleeping test is slow, or flaky, or both, and a sleeping program cannot be stopped; wait for an event, or inside a call of synctest.Test, or in a helper of tests that only such calls run",
		applies: func(s source) bool {
			return !within(s.folder(), []string{"e2e/proc/...", "e2e/interop/...", "gossip/gossiptest"})
		},
		find: sleeps,
	},
}

// clock is what reads or waits for the wall clock in package time.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

func goStatements(s source) (found []ast.Node) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		if g, ok := n.(*ast.GoStmt); ok {
			found = append(found, g)
		}
		return true
	})
	return found
}

// globalRandomness finds every use of the math/rand packages that is neither a type nor a constructor: those draw from
// a source that the process shares and seeds by itself.
func globalRandomness(s source) (found []ast.Node) {
	seeded := []string{"Rand", "Source", "Source64", "PCG", "ChaCha8", "Zipf", "New", "NewSource", "NewPCG", "NewChaCha8", "NewZipf"}
	for _, p := range []string{"math/rand", "math/rand/v2"} {
		found = append(found, uses(s, p, func(name string) bool { return !slices.Contains(seeded, name) })...)
	}
	return found
}

// netValues are the packages below net that hold values and reach no socket.
var netValues = []string{"net/netip", "net/url"}

// imports finds the imports of the given packages and of what is below them, but for netValues.
func imports(s source, packages ...string) (found []ast.Node) {
	for _, spec := range s.file.Imports {
		imported := importPath(spec)
		for _, p := range packages {
			if within(imported, []string{p + "/..."}) && !slices.Contains(netValues, imported) {
				found = append(found, spec)
			}
		}
	}
	return found
}

// uses finds where s names a member of the package with the given import path that match accepts, under whatever name
// the file imports it. A dot import hides such uses, so it is found instead.
func uses(s source, imported string, match func(member string) bool) (found []ast.Node) {
	for _, spec := range s.file.Imports {
		if importPath(spec) != imported {
			continue
		}
		name := localName(spec)
		if name == "." {
			found = append(found, spec)
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			// An identifier that the parser could resolve within the file is a variable and not the package.
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == name && x.Obj == nil && match(sel.Sel.Name) {
				found = append(found, sel)
			}
			return true
		})
	}
	return found
}

// localName is the name by which a file knows an import: as given, else the last element that is not a version.
func localName(spec *ast.ImportSpec) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	elements := strings.Split(importPath(spec), "/")
	last := elements[len(elements)-1]
	if len(elements) > 1 && strings.HasPrefix(last, "v") && strings.Trim(last[1:], "0123456789") == "" {
		return elements[len(elements)-2]
	}
	return last
}

// importPath is the path without its quotes; empty if it is not a string, which does not parse anyway.
func importPath(spec *ast.ImportSpec) string {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return ""
	}
	return p
}
