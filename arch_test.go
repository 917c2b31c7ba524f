package muster_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The architecture is a set of tests. What is written here holds for every package that exists, so a new one is
// checked from its first file on; arch_layout_test.go holds the table of who may import whom, arch_rules_test.go and
// arch_sleep_test.go the rules that a single file can break, arch_self_test.go the proof that each of them can fail.

// tree reads every Go file of the module, whatever its build tags, and says which folders there are. Nested modules,
// hidden folders and testdata are not ours to judge.
func tree(t *testing.T) (files []source, folders []string) {
	t.Helper()
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at := filepath.ToSlash(name)
		if d.IsDir() {
			if at == "." {
				return nil
			}
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil || strings.HasPrefix(d.Name(), ".") ||
				strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata" {
				return fs.SkipDir
			}
			folders = append(folders, at)
			return nil
		}
		if path.Ext(at) != ".go" {
			return nil
		}
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		files = append(files, source{path: at, fset: fset, file: f})
		return nil
	})
	if err != nil {
		t.Fatalf("reading the source tree: %v", err)
	}
	byFolder := map[string][]source{}
	for _, s := range files {
		byFolder[s.folder()] = append(byFolder[s.folder()], s)
	}
	for i, s := range files {
		files[i].peers = byFolder[s.folder()]
	}
	return files, folders
}

func TestFoldersAreThoseOfTheLayout(t *testing.T) {
	t.Parallel()
	files, folders := tree(t)
	for _, f := range foreignFolders(folders) {
		t.Error(f)
	}
	if len(files) == 0 {
		t.Error("no Go file found: this test looks at the wrong folder")
	}
}

func TestEveryPackageIsDocumentedInItsDocFile(t *testing.T) {
	t.Parallel()
	files, _ := tree(t)
	for _, f := range undocumented(files) {
		t.Error(f)
	}
}

func TestImportsNeverRunUpTheLayout(t *testing.T) {
	t.Parallel()
	files, _ := tree(t)
	for _, s := range files {
		for _, f := range forbiddenImports(s) {
			t.Error(f)
		}
	}
}

func TestSourcesKeepTheRules(t *testing.T) {
	t.Parallel()
	files, _ := tree(t)
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, s := range files {
				for _, f := range r.check(s) {
					t.Error(f)
				}
			}
		})
	}
}

// pkg is what the go command says about one package.
type pkg struct {
	ImportPath string
	Name       string
	Deps       []string
}

// packages asks the go command for the packages of the module and all that each of them reaches. A package that does
// not compile is still listed: other tests report it better.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Name,Deps", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
}

func TestWhatAPackageReachesIsFitForIt(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, f := range unfitDeps(p) {
			t.Error(f)
		}
	}
}

// clientLibraries are what the Go client stands on, beside itself.
var clientLibraries = []string{"github.com/sony/gobreaker/v2", "github.com/google/renameio/v2"}

// heavy reports whether a package is none of the Go client's, nor of the libraries that it stands on, nor of Go's own.
func heavy(imported string) bool {
	own, ours := ownFolder(imported)
	first, _, _ := strings.Cut(imported, "/")
	return !within(own, []string{"api/client/..."}) && (ours || strings.Contains(first, ".")) && !slices.Contains(clientLibraries, imported)
}

// unfitDeps reports what p must not reach, however long the way: through our own packages or through somebody else's.
func unfitDeps(p pkg) (found []string) {
	folder := "."
	if p.ImportPath != module {
		folder = strings.TrimPrefix(p.ImportPath, module+"/")
	}
	for _, dep := range p.Deps {
		switch {
		// The simulator drives the root package's Replica, which is pure, and so reaches what the Node beside it needs.
		case within(folder, pure) && !within(folder, adapters) && !within(folder, []string{"e2e/sim/world"}) && within(dep, []string{"net/...", "os/exec", "os/signal", "crypto/tls"}) && !slices.Contains(netValues, dep):
			found = append(found, p.ImportPath+" reaches "+dep+
				": pure code does no I/O, so that a simulator can drive a thousand nodes in one thread")
		case within(folder, []string{"api/client/..."}) && heavy(dep):
			found = append(found, p.ImportPath+" reaches "+dep+
				": the client stands alone, so that a program that runs no node does not link one")
		case p.Name == "main" && within(folder, []string{"cmd/..."}) && slices.Contains(testOnly, dep):
			found = append(found, p.ImportPath+" links "+dep+": test code does not ship")
		}
	}
	return found
}
