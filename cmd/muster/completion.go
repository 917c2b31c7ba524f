package main

import (
	"time"

	"github.com/spf13/cobra"
)

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print a script that completes commands, services and nodes in a shell",
		Long: `Print a script that completes commands, services and nodes in a shell, as in:

  source <(muster completion bash)
  muster completion zsh > "${fpath[1]}/_muster"
  muster completion fish | source`,
		Args:      arguments("SHELL"),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.out, true)
			case "zsh":
				return root.GenZshCompletion(a.out)
			case "fish":
				return root.GenFishCompletion(a.out, true)
			default:
				return failed(exitUsage, "SHELL must be bash, zsh or fish, not %q", args[0])
			}
		},
	}
}

// completionTimeout is how long someone who pressed the tabulator waits for a node.
const completionTimeout = 2 * time.Second

// completeServices completes a first argument with the names of services. A node that does not answer completes nothing.
func (a *app) completeServices(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var list serviceList
	if len(args) > 0 || !a.completing(cmd, pathServices, &list) {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := make([]string, 0, len(list.Services))
	for _, s := range list.Services {
		names = append(names, s.Service)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeMembers completes arguments with the names of nodes.
func (a *app) completeMembers(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var list memberList
	if !a.completing(cmd, pathMembers, &list) {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := make([]string, 0, len(list.Members))
	for _, m := range list.Members {
		names = append(names, m.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) completing(cmd *cobra.Command, path string, out any) bool {
	a.client.timeout = min(a.client.timeout, completionTimeout)
	r, err := a.remote()
	if err != nil {
		return false
	}
	defer r.close()
	_, err = r.get(cmd.Context(), path, nil, out)
	return err == nil
}
