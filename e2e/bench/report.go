package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// writeReport makes RESULTS.md and the plots from the results that are there.
func writeReport(dir string) error {
	results, err := loadResults(dir)
	if err != nil {
		return err
	}
	if len(results) == 0 {
		return fmt.Errorf("no results in %s: measure something with --write first", filepath.Join(dir, resultsDir))
	}
	for _, r := range results {
		for _, c := range r.Curves {
			if err := os.WriteFile(filepath.Join(dir, resultsDir, c.file()), []byte(c.svg()), 0o600); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(dir, "RESULTS.md"), []byte(reportText(results)), 0o600)
}

// loadResults reads what is there, in the order of comparisons.
func loadResults(dir string) ([]*result, error) {
	var out []*result
	for _, c := range comparisons {
		b, err := os.ReadFile(filepath.Join(dir, resultsDir, c.name+".json")) //nolint:gosec // The names are ours.
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		r := &result{}
		if err := json.Unmarshal(b, r); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		out = append(out, r)
	}
	return out, nil
}

// reportText is RESULTS.md.
func reportText(results []*result) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# What it reaches, and beside what\n")
	p("Made by `go run ./e2e/bench report` from the files in `%s`. Nothing here is typed: measure again with the command "+
		"under each heading and `--write`. Both sides of a ratio are of one run. A trailing `+` at a commit says that the tree "+
		"held changes besides.\n", resultsDir)
	p("## Bars\n")
	p("| bar | limit | figure | |\n|---|---|---|---|")
	missed := 0
	for _, r := range results {
		for _, x := range r.Bars {
			if !x.Met {
				missed++
			}
			p("| %s | %s | %s | %s |", x.What, x.limitText(), amount(x.Value, x.Unit), x.verdict())
		}
	}
	p("\n%d missed.\n", missed)
	if absent := absentResults(results); len(absent) > 0 {
		p("Not measured yet: %s.\n", strings.Join(absent, ", "))
	}
	for _, r := range results {
		r.section(p)
	}
	outlook(results, p)
	return b.String()
}

func absentResults(results []*result) []string {
	var absent []string
	for _, c := range comparisons {
		if resultOf(results, c.name) == nil {
			absent = append(absent, c.name)
		}
	}
	return absent
}

func resultOf(results []*result, name string) *result {
	for _, r := range results {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// section is one comparison.
func (r *result) section(p func(format string, args ...any)) {
	c := r.Conditions
	p("## %s\n", r.Name)
	p("%s\n", r.About)
	p("`%s`, commit %s, %s, %s, %d cores, %s, %.0f s.\n", c.Command, c.Commit, c.Go, c.CPU, c.Cores, c.Date.Format("2006-01-02 15:04 MST"), r.Seconds)
	p("| case | measure | muster | beside | | ratio |\n|---|---|---|---|---|---|")
	for _, f := range r.Figures {
		p("| %s | %s | %s | %s | %s | %s |", f.Case, f.Measure, amount(f.Value, f.Unit), f.besideText(), f.Beside, f.ratioText())
	}
	p("")
	for _, k := range r.Curves {
		p("![%s](%s/%s)\n", k.Name, resultsDir, k.file())
		p("Model: %s.\n", k.ModelText)
	}
}
