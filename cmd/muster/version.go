package main

import (
	"runtime"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster"
)

func (a *app) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  arguments(),
		RunE: func(*cobra.Command, []string) error {
			v := struct {
				Version  string `json:"version"`
				Go       string `json:"go"`
				Platform string `json:"platform"`
			}{muster.Version(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
			if a.client.output == formatTable {
				return a.write("muster " + v.Version + " " + v.Go + " " + v.Platform + "\n")
			}
			return a.showValue(v, nil)
		},
	}
	a.outputFlag(cmd)
	return cmd
}
