package main

import (
	"fmt"

	"github.com/musterhq/muster"
)

// readExport reads the rules of what other data centres hear of.
func readExport(texts []string) (muster.Export, error) {
	var export muster.Export
	for _, text := range texts {
		rule, err := muster.ParseExportRule(text)
		if err != nil {
			return nil, fmt.Errorf("--export %w", err)
		}
		export = append(export, rule)
	}
	return export, nil
}
