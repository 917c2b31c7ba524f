package muster_test

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// module is the import path of the root package and the prefix of all others.
const module = "github.com/musterhq/muster"

// layers is the one-way rule: which folder may import which of our packages, its tests included. Folders are relative
// to the repository's root, which is "."; "x/..." is x and everything below it. The first line that fits a folder
// counts, so the narrow ones come first. A folder's tests may import the folder itself.
var layers = []struct {
	folder  string
	imports []string
}{
	{"catalog/causal", nil},
	{"catalog/wire", []string{"catalog", "catalog/causal"}},
	{"catalog/check", []string{"catalog"}},
	{"catalog", []string{"catalog/causal"}},
	{"selfpreserve/probe", []string{"selfpreserve", "catalog"}}, // the adapter, which runs the catalog's checks too
	{"selfpreserve/...", nil},
	{"gossip/spread", []string{"catalog/causal"}},
	{"gossip/frame", []string{"catalog/causal", "gossip/spread"}},
	{"gossip/...", []string{"gossip/..."}},
	{".", []string{"catalog/...", "selfpreserve/...", "gossip/..."}},
	{"api/apitest", []string{".", "catalog", "catalog/causal"}}, // a node made up of a catalog alone, for tests
	{"api/...", []string{".", "api/..."}},                       // what api/client reaches without its tests is unfitDeps' business
	{"cmd/...", []string{".", "api/...", "cmd/..."}},
	{"e2e/sim/world", []string{".", "catalog/...", "selfpreserve/...", "gossip/spread", "gossip/frame", "e2e/..."}},
	{"e2e/...", []string{"./..."}},
}

// codecs are what the tests of a folder may import besides: they pass what they send through the codec that the network
// uses, though the codec stands above the folder.
var codecs = map[string]string{"catalog": "catalog/wire", "gossip/spread": "gossip/frame"}

// protocols are the packages under api that never import each other: what one of them registers, the others find
// through the node.
var protocols = []string{
	"api/client", "api/consul", "api/dns", "api/eureka", "api/nacos", "api/native", "api/prometheus", "api/ui", "api/xds",
}

// libraries may be imported only where it says, tests included.
var libraries = []struct {
	prefix  string
	folders []string
	why     string
}{
	{
		"github.com/hashicorp/memberlist",
		[]string{"gossip/host", "gossip/lan", "gossip/wan", "gossip/gossiptest", "e2e/..."},
		"membership is one adapter's business; all others see its events",
	},
	{
		"github.com/hashicorp/serf",
		[]string{"gossip/wan", "e2e/..."},
		"membership between data centres is one adapter's business; all others see its events",
	},
	{
		"github.com/vmihailenco/msgpack",
		[]string{"catalog/wire", "gossip/frame", "gossip/lan", ".", "e2e/..."},
		"bytes on the wire are made in few places, where they are limited and fuzzed",
	},
	{
		"github.com/miekg/dns",
		[]string{"api/dns", "e2e/..."},
		"messages of DNS are one protocol's business",
	},
	{
		"github.com/hashicorp/go-bexpr",
		[]string{"api/consul", "e2e/..."},
		"filters are one protocol's business, and its parser has to be bounded",
	},
}

// testOnly is linked into no program: it may be imported by tests, by gossip/gossiptest and by e2e.
var testOnly = []string{
	"testing", "pgregory.net/rapid", "go.uber.org/goleak", module + "/gossip/gossiptest", module + "/api/apitest",
	module + "/api/clienttest", module + "/api/consul/consultest", module + "/api/eureka/eurekatest",
}

// topLevel are the folders of the layout. More packages go inside them. testdata stands beside the root package's tests
// because the go command wants it there.
var topLevel = []string{"api", "catalog", "cmd", "e2e", "gossip", "selfpreserve", "testdata"}

// foreignFolders reports top-level folders that the layout does not have, and folder names that say nothing.
func foreignFolders(folders []string) (found []string) {
	for _, f := range folders {
		if !strings.Contains(f, "/") && !slices.Contains(topLevel, f) {
			found = append(found, f+": not a folder of the layout; put the package inside one of "+
				strings.Join(topLevel, ", "))
		}
		switch path.Base(f) {
		case "util", "utils", "common", "helpers", "misc", "shared":
			found = append(found, f+": name a package after what it provides, in the field's words")
		}
	}
	return found
}

// undocumented reports packages without exactly one package comment, in a doc.go that holds nothing else. A folder of
// tests alone needs none.
func undocumented(files []source) (found []string) {
	docs := map[string]bool{} // folder with non-test files -> it has its doc.go
	for _, s := range files {
		if s.isTest() {
			continue
		}
		isDoc := path.Base(s.path) == "doc.go"
		docs[s.folder()] = docs[s.folder()] || isDoc
		switch {
		case !isDoc && s.file.Doc != nil:
			found = append(found, s.path+": the package comment belongs in doc.go, so that there is one place to read and change")
		case isDoc && s.file.Doc == nil:
			found = append(found, s.path+": no package comment: say purpose, source, guarantees, concurrency and bounds")
		case isDoc && !strings.HasPrefix(s.file.Doc.Text(), docStart(s)):
			found = append(found, s.path+": the package comment starts with "+strconv.Quote(docStart(s))+", as go doc expects")
		case isDoc && len(s.file.Decls) > 0:
			found = append(found, s.path+": doc.go holds the package comment alone; code has files named after its idea")
		}
	}
	for folder, documented := range docs {
		if !documented {
			found = append(found, folder+": a package without doc.go: say purpose, source, guarantees, concurrency and bounds")
		}
	}
	slices.Sort(found)
	return found
}

func docStart(s source) string {
	if s.file.Name.Name == "main" {
		return "Command " + path.Base(s.folder()) + " "
	}
	return "Package " + s.file.Name.Name + " "
}

// forbiddenImports reports every import of s that runs up the layout, goes from one protocol to another, or names a
// library that the folder has no business with.
func forbiddenImports(s source) (found []string) {
	folder := s.folder()
	for _, spec := range s.file.Imports {
		imported := importPath(spec)
		report := func(why string) { found = append(found, s.at(spec)+": imports "+imported+": "+why) }
		if own, ok := ownFolder(imported); ok && own != folder {
			allowed, known := mayImport(folder)
			switch {
			case !known:
				report("this folder is not in the layout")
			case s.isTest() && codecs[folder] == own:
			case !within(own, allowed):
				report("arrows never run up the layout; " + folder + " may import " + orNothing(allowed))
			case otherProtocol(folder, own):
				report("protocols never import each other; they meet in the node")
			}
		}
		if isPure(s) && !s.isTest() && strings.Contains(imported, ".") && !strings.HasPrefix(imported, module) &&
			!strings.HasPrefix(imported, "github.com/vmihailenco/msgpack/") {
			report("pure code stands on the standard library, so that nobody else's change alters a replay")
		}
		for _, lib := range libraries {
			if strings.HasPrefix(imported, lib.prefix) && !within(folder, lib.folders) {
				report(lib.why)
			}
		}
		if slices.Contains(testOnly, imported) && !s.isTest() && !within(folder, []string{"gossip/gossiptest", "e2e/..."}) {
			report("test code does not ship")
		}
	}
	return found
}

// mayImport is the line of layers for folder.
func mayImport(folder string) (allowed []string, known bool) {
	for _, l := range layers {
		if within(folder, []string{l.folder}) {
			return l.imports, true
		}
	}
	return nil, false
}

// otherProtocol reports whether both folders belong to protocols, and to different ones.
func otherProtocol(a, b string) bool {
	of := func(folder string) string {
		for _, p := range protocols {
			if within(folder, []string{p + "/..."}) {
				return p
			}
		}
		return ""
	}
	return of(a) != "" && of(b) != "" && of(a) != of(b)
}

// ownFolder is the folder of one of our own packages; false for any other import path.
func ownFolder(imported string) (string, bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// within reports whether name fits one of the patterns: equal, or below one that ends in "/...". "./..." is all.
func within(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		prefix, below := strings.CutSuffix(p, "/...")
		return name == prefix || below && (prefix == "." || strings.HasPrefix(name, prefix+"/"))
	})
}

func orNothing(folders []string) string {
	if len(folders) == 0 {
		return "none of our packages"
	}
	return strings.Join(folders, ", ")
}
