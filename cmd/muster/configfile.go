package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// configFile is what a file says, by field name.
type configFile map[string]configEntry

// configEntry is one key of a file: the texts of its value, and the line that it stands in.
type configEntry struct {
	texts []string
	line  int
}

// readConfig reads a YAML file that has no keys but the names of those fields, each with a value of its field's kind.
// The error is one line that names the file, and where it can be told, the line and the key.
func readConfig(path string, known []field) (configFile, error) {
	data, err := os.ReadFile(path) //nolint:gosec // The user says which file.
	if err != nil {
		if pathErr, ok := errors.AsType[*os.PathError](err); ok {
			err = pathErr.Err
		}
		return nil, fmt.Errorf("cannot read --config %s: %w", path, err)
	}
	return parseConfig(path, data, known)
}

// parseConfig is readConfig without the file; path is for messages. It never panics, whatever data is.
func parseConfig(path string, data []byte, known []field) (out configFile, err error) {
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok && syntax.Token != nil {
			return nil, fmt.Errorf("%s:%d: %s", path, syntax.Token.Position.Line, syntax.Message)
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	out = configFile{}
	for i, doc := range tree.Docs {
		if doc.Body == nil {
			continue
		}
		if i > 0 {
			return nil, fmt.Errorf("%s:%d: a second document: one is enough", path, lineOf(doc.Body))
		}
		entries, ok := entriesOf(doc.Body)
		if !ok {
			return nil, fmt.Errorf("%s:%d: must be keys with values, as in \"dc: dc1\", not %s", path, lineOf(doc.Body), describeNode(doc.Body))
		}
		for _, e := range entries {
			key := e.Key.GetToken().Value
			f, ok := find(known, key)
			if !ok {
				return nil, fmt.Errorf("%s:%d: unknown key %q: the keys are the names of the agent's flags", path, lineOf(e.Key), key)
			}
			if _, twice := out[key]; twice {
				return nil, fmt.Errorf("%s:%d: %s is given twice", path, lineOf(e.Key), key)
			}
			texts, ok := textsOf(e.Value, f.value.want())
			if !ok {
				return nil, fmt.Errorf("%s:%d: %s must be %s, not %s", path, lineOf(e.Key), key, f.value.want(), describeNode(e.Value))
			}
			out[key] = configEntry{texts, lineOf(e.Key)}
		}
	}
	return out, nil
}

func find(known []field, name string) (field, bool) {
	for _, f := range known {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

// entriesOf is the entries of a mapping; the library has another node for a mapping of one entry.
func entriesOf(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	case *ast.CommentGroupNode:
		return nil, true // A file of comments alone.
	default:
		return nil, false
	}
}

// textsOf is the texts of a value of that kind; false if it is of another. A single text will do for a list.
func textsOf(n ast.Node, want kind) ([]string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return []string{n.Value}, want == kindText || want == kindList
	case *ast.LiteralNode:
		return []string{strings.TrimSuffix(n.Value.Value, "\n")}, want == kindText || want == kindList
	case *ast.IntegerNode, *ast.FloatNode:
		return []string{n.GetToken().Value}, want == kindNumber
	case *ast.BoolNode:
		return []string{n.GetToken().Value}, want == kindSwitch
	case *ast.SequenceNode:
		texts := []string{}
		for _, item := range n.Values {
			one, ok := textsOf(item, kindText)
			if !ok {
				return nil, false
			}
			texts = append(texts, one...)
		}
		return texts, want == kindList
	default:
		return nil, false
	}
}

// describeNode is what a value is, in words.
func describeNode(n ast.Node) string {
	switch n := n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return "a text"
	case *ast.IntegerNode, *ast.FloatNode:
		return "a number (put a text that looks like one in quotes)"
	case *ast.BoolNode:
		return "true or false"
	case *ast.NullNode:
		return "nothing"
	case *ast.SequenceNode:
		for _, item := range n.Values {
			if _, ok := item.(*ast.StringNode); !ok {
				return "a list with " + describeNode(item)
			}
		}
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys with values"
	default:
		return "something else"
	}
}

func lineOf(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 1
}
