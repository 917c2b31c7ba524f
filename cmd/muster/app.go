package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// app is one run of the program.
type app struct {
	in        io.Reader
	out, errs io.Writer
	env       environment
	client    clientOptions
}

// run runs one command to its end and returns the exit status. args are without the program's name.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer, env environment) int {
	a := &app{in: in, out: out, errs: errs, env: env}
	root := a.root()                          //nolint:contextcheck // Commands get ctx from ExecuteContextC.
	root.SetArgs(append([]string{}, args...)) // Cobra takes nil for os.Args.
	cmd, err := root.ExecuteContextC(ctx)
	if _, _, unknown := root.Find(args); unknown != nil {
		err = unknownCommand(root, unknown)
	}
	if f, ok := errors.AsType[*failure](err); err != nil && (!ok || f.err != nil) {
		a.warn("%v", withHelp(cmd, err))
	}
	return statusOf(err)
}

// warn tells the user something on standard error, as one line.
func (a *app) warn(format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; ")
	_, _ = fmt.Fprintf(a.errs, "muster: %s\n", text) // There is nowhere left to complain.
}

// root is the program's tree of commands.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "muster",
		Short: "A service registry without a leader: register anywhere, find everywhere",
		Long: `Muster is a service registry of equal nodes: each takes any write and answers any
query, cut off or not. Start one with "muster agent", then try what it prints.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.errs)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return badFlag(err) })
	root.SetHelpCommand(helpCommand())
	root.AddGroup(&cobra.Group{ID: "node", Title: "A node:"},
		&cobra.Group{ID: "registry", Title: "The registry:"}, &cobra.Group{ID: "cluster", Title: "The cluster:"})
	group := func(id string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	group("node", a.agentCommand(), a.infoCommand(), a.leaveCommand(), a.tlsCommand())
	group("registry", a.servicesCommand(), a.instancesCommand(), a.registerCommand(), a.deregisterCommand(),
		a.statusCommand(), a.watchCommand())
	group("cluster", a.membersCommand(), a.doctorCommand(), a.verifyCommand(), a.diffCommand(), a.forceLeaveCommand(), a.benchCommand())
	root.AddCommand(a.completionCommand(), a.versionCommand())
	return root
}

// helpCommand is "muster help COMMAND".
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, _, err := cmd.Root().Find(args)
			if err != nil {
				return unknownCommand(cmd.Root(), err)
			}
			return about.Help()
		},
	}
}

// unknownCommand is the error of a command that there is not, with the one that may have been meant. unknown is what
// Find says of it.
func unknownCommand(root *cobra.Command, unknown error) error {
	var name string
	if _, err := fmt.Sscanf(unknown.Error(), "unknown command %q", &name); err != nil {
		return failed(exitUsage, "%w", unknown)
	}
	root.SuggestionsMinimumDistance = 2
	if near := root.SuggestionsFor(name); len(near) > 0 {
		return failed(exitUsage, "unknown command %q: did you mean %s?", name, strings.Join(near, " or "))
	}
	return failed(exitUsage, "unknown command %q", name)
}

// withHelp tells those who used a command wrongly where its help is, unless a question has been put to them already.
func withHelp(cmd *cobra.Command, err error) error {
	if statusOf(err) != exitUsage || cmd == nil || strings.HasSuffix(err.Error(), "?") {
		return err
	}
	return fmt.Errorf("%w: see %s --help", err, cmd.CommandPath())
}

// badFlag is the error of flags that cannot be taken, in words that do not come from the parser of their values.
func badFlag(err error) error {
	bad, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return failed(exitUsage, "%w", err)
	}
	name := bad.GetFlag().Name
	var want string
	switch bad.GetFlag().Value.Type() {
	case "duration":
		want = `a duration such as "30s" or "2h"`
	case "int":
		want = "a whole number"
	case "bool":
		want = "true or false"
	default:
		return failed(exitUsage, "--%s %w", name, bad.Unwrap())
	}
	return failed(exitUsage, "--%s must be %s, not %q", name, want, bad.GetValue())
}

// arguments demands the named arguments, all of them; those in brackets may be left out.
func arguments(names ...string) cobra.PositionalArgs {
	least := 0
	for _, name := range names {
		if !strings.HasPrefix(name, "[") {
			least++
		}
	}
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return failed(exitUsage, "%s is missing", names[len(args)])
		case len(args) > len(names):
			return failed(exitUsage, "unexpected argument %q", args[len(names)])
		}
		for i, arg := range args {
			if arg == "" {
				return failed(exitUsage, "%s is empty", strings.Trim(names[i], "[]"))
			}
		}
		return nil
	}
}
