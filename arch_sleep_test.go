package muster_test

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// In a synctest bubble time is virtual: a sleep costs nothing and ends when all else is idle. So a sleep may stand inside
// a call of synctest.Test, and in a helper function of tests that nothing but bubbles runs. Everywhere else it is found,
// and so is its disguise, a bare <-time.After(d).

// sleeps finds the sleeps of s that may run outside a bubble.
func sleeps(s source) (found []ast.Node) {
	afters := uses(s, "time", func(name string) bool { return name == "After" })
	inSelect := map[ast.Stmt]bool{}
	all := uses(s, "time", func(name string) bool { return name == "Sleep" })
	ast.Inspect(s.file, func(n ast.Node) bool {
		if c, ok := n.(*ast.CommClause); ok {
			inSelect[c.Comm] = true // a time-out beside other events, not a sleep
		}
		stmt, ok := n.(*ast.ExprStmt)
		if !ok || inSelect[stmt] {
			return true
		}
		if recv, ok := ast.Unparen(stmt.X).(*ast.UnaryExpr); ok && recv.Op == token.ARROW {
			if call, ok := ast.Unparen(recv.X).(*ast.CallExpr); ok && slices.Contains(afters, ast.Node(call.Fun)) {
				all = append(all, stmt)
			}
		}
		return true
	})
	if len(all) == 0 {
		return nil
	}
	bubbles, helpers := bubbles(s), bubbleHelpers(s.peers)
	for _, n := range all {
		if !inside(n, bubbles) && !helpers[enclosing(s.file, n)] {
			found = append(found, n)
		}
	}
	return found
}

// bubbles finds the calls of synctest.Test in s, and those of a helper of the same folder's tests that runs the function
// it is given in one.
func bubbles(s source) (found []ast.Node) {
	wrappers := map[string]bool{}
	for _, p := range s.peers {
		for _, d := range p.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && p.isTest() && runsInBubble(p, f) {
				wrappers[f.Name.Name] = true
			}
		}
	}
	found = calls(s)
	ast.Inspect(s.file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if id, ok := call.Fun.(*ast.Ident); ok && wrappers[id.Name] {
				found = append(found, call)
			}
		}
		return true
	})
	return found
}

// calls finds the calls of synctest.Test itself.
func calls(s source) (found []ast.Node) {
	test := uses(s, "testing/synctest", func(name string) bool { return name == "Test" })
	ast.Inspect(s.file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && slices.Contains(test, ast.Node(call.Fun)) {
			found = append(found, call)
		}
		return true
	})
	return found
}

// runsInBubble reports whether f has parameters that are functions, and names each of them only inside a bubble.
func runsInBubble(s source, f *ast.FuncDecl) bool {
	given := map[string]bool{}
	for _, p := range f.Type.Params.List {
		if _, ok := p.Type.(*ast.FuncType); ok {
			for _, name := range p.Names {
				given[name.Name] = true
			}
		}
	}
	if len(given) == 0 || f.Body == nil {
		return false
	}
	in, used, ok := calls(s), false, true
	ast.Inspect(f.Body, func(n ast.Node) bool {
		if id, is := n.(*ast.Ident); is && given[id.Name] {
			used = true
			ok = ok && inside(id, in)
		}
		return true
	})
	return used && ok
}

// bubbleHelpers names the functions and methods in the tests of one folder that only bubbles run: they are named
// somewhere, and always inside a bubble or inside another of them. It goes by names alone, so two functions that share
// a name stand or fall together.
func bubbleHelpers(files []source) map[string]bool {
	type mention struct {
		name, within string
		bubble       bool
	}
	helpers := map[string]bool{}
	for _, s := range files {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.isTest() && !runByGo(f.Name.Name) {
				helpers[f.Name.Name] = true
			}
		}
	}
	var mentions []mention
	named := map[string]bool{}
	for _, s := range files {
		bubbles := bubbles(s)
		declared := map[*ast.Ident]bool{}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if f, ok := n.(*ast.FuncDecl); ok {
				declared[f.Name] = true
			}
			if id, ok := n.(*ast.Ident); ok && helpers[id.Name] && !declared[id] {
				named[id.Name] = true
				mentions = append(mentions, mention{id.Name, enclosing(s.file, id), inside(id, bubbles)})
			}
			return true
		})
	}
	for name := range helpers {
		helpers[name] = named[name]
	}
	for changed := true; changed; {
		changed = false
		for _, m := range mentions {
			if helpers[m.name] && !m.bubble && !helpers[m.within] {
				helpers[m.name], changed = false, true
			}
		}
	}
	return helpers
}

// runByGo reports whether the go command or the runtime calls a function of that name by itself.
func runByGo(name string) bool {
	return name == "init" || name == "main" || slices.ContainsFunc([]string{"Test", "Benchmark", "Fuzz", "Example"},
		func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// enclosing is the name of the function declaration that n stands in; empty at package level.
func enclosing(file *ast.File, n ast.Node) string {
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && inside(n, []ast.Node{f}) {
			return f.Name.Name
		}
	}
	return ""
}

// inside reports whether n is part of one of the outer nodes, all of the same file.
func inside(n ast.Node, outer []ast.Node) bool {
	return slices.ContainsFunc(outer, func(o ast.Node) bool { return o.Pos() <= n.Pos() && n.End() <= o.End() })
}
