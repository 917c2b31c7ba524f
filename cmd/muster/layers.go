package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

const configHelp = "YAML file of settings; its keys are the names of these flags"

// given is a flag as the command line has it: the texts, in order. They are tried on the field at once, so that a flag
// with a bad value is a wrong use of the command, but they count only when all sources are known.
type given struct {
	field field
	texts []string
}

// Set is called by the parser of flags for each time the flag is given.
func (g *given) Set(text string) error {
	if err := g.field.value.set([]string{text}); err != nil {
		return err
	}
	if g.field.isList() {
		g.texts = append(g.texts, text)
	} else {
		g.texts = []string{text}
	}
	return nil
}

// String is the default, which is what the parser of flags wants to know.
func (g *given) String() string { return g.field.shownDefault() }

// Type stands for the value in the help. The parser of flags has a word of its own for those without.
func (g *given) Type() string {
	if g.field.isSwitch() {
		return "bool"
	}
	return g.field.arg
}

// fileName is the value of a flag that names a file.
type fileName string

// Set is called by the parser of flags.
func (f *fileName) Set(text string) error {
	*f = fileName(text)
	return nil
}

// String is the name.
func (f *fileName) String() string { return string(*f) }

// Type stands for the value in the help.
func (f *fileName) Type() string { return "FILE" }

// layers is where an agent's settings come from: flags, over the environment, over a file, over defaults.
type layers struct {
	settings settings
	flags    []*given
	config   fileName // as the flag says
	lookup   func(string) (string, bool)
}

// newLayers declares every field as a flag.
func newLayers(flags *pflag.FlagSet, lookup func(string) (string, bool)) *layers {
	l := &layers{lookup: lookup}
	for _, f := range fields(&l.settings) {
		g := &given{field: f}
		l.flags = append(l.flags, g)
		help := f.help
		if f.isList() {
			help += "; repeatable"
		}
		flag := flags.VarPF(g, f.name, "", help+" ("+f.variable()+")")
		if f.isSwitch() {
			flag.NoOptDefVal = "true"
		}
	}
	flags.Var(&l.config, "config", configHelp+" (MUSTER_CONFIG)")
	flags.SortFlags = false
	return l
}

// resolve gives every field the value of the highest source that has one. The error names the source.
func (l *layers) resolve() (settings, error) {
	path := string(l.config)
	if v, ok := l.lookup("MUSTER_CONFIG"); ok && path == "" {
		path = v
	}
	var file configFile
	if path != "" {
		var err error
		if file, err = readConfig(path, fields(&settings{})); err != nil {
			return settings{}, err
		}
	}
	for _, g := range l.flags {
		f := g.field
		texts, source := defaults(f), "the default of "+f.name
		if entry, ok := file[f.name]; ok {
			texts, source = entry.texts, fmt.Sprintf("%s:%d: %s", path, entry.line, f.name)
		}
		if v, ok := l.lookup(f.variable()); ok && v != "" {
			texts, source = fromVariable(f, v), f.variable()
		}
		if g.texts != nil {
			texts, source = g.texts, "--"+f.name
		}
		if err := f.value.set(texts); err != nil {
			return settings{}, fmt.Errorf("%s %w", source, err)
		}
	}
	return l.settings, nil
}

// defaults is the default as a source gives it.
func defaults(f field) []string { return fromVariable(f, f.def) }

// fromVariable takes a text apart if the field is a list; an empty text is an empty list.
func fromVariable(f field, text string) []string {
	if !f.isList() {
		return []string{text}
	}
	texts := []string{}
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			texts = append(texts, item)
		}
	}
	return texts
}
