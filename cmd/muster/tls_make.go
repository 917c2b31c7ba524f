package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster/cmd/muster/certificate"
)

// The names of the files of an authority.
const (
	authorityFile    = "ca.pem"
	authorityKeyFile = "ca-key.pem"
)

// daysMax bounds how long a certificate is valid.
const daysMax = 36500

// tlsCommand makes certificates. It talks to no node.
func (a *app) tlsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tls",
		Short: "Make the certificates of an authority, of nodes and of clients",
		Long: `Make the certificates of an authority, of nodes and of clients: ECDSA on P-256, in
PEM, in files that their owner alone can read. Nothing is overwritten.

  muster tls ca
  muster tls server n1 --host 10.0.0.5 --host n1.example.com
  muster tls client payments
  muster agent --tls-cert n1.pem --tls-key n1-key.pem --tls-client-ca ca.pem ...
  muster members --server https://10.0.0.5:8761 --ca-file ca.pem \
    --client-cert payments.pem --client-key payments-key.pem

Keep ca-key.pem where no node is: whoever has it is trusted by all of them.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return failed(exitUsage, "unknown command %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.tlsAuthorityCommand(), a.tlsIssueCommand(true, "Make the certificate of a node, for its API and its links to other data centres"),
		a.tlsIssueCommand(false, "Make the certificate of a client"))
	return cmd
}

// making is what the commands that make certificates have in common.
type making struct {
	dir   string
	days  int
	hosts []string
}

func (m *making) flags(cmd *cobra.Command, days int) {
	cmd.Flags().StringVar(&m.dir, "dir", ".", "`DIR` of the files")
	cmd.Flags().IntVar(&m.days, "days", days, "`DAYS` that it is valid")
}

// valid is how long it is to be valid.
func (m *making) valid() (time.Duration, error) {
	if m.days < 1 || m.days > daysMax {
		return 0, failed(exitUsage, "--days must be 1 to %d, not %d", daysMax, m.days)
	}
	return time.Duration(m.days) * 24 * time.Hour, nil
}

func (a *app) tlsAuthorityCommand() *cobra.Command {
	var m making
	cmd := &cobra.Command{
		Use:   "ca",
		Short: "Make an authority, which signs all others: " + authorityFile + " and " + authorityKeyFile,
		Args:  arguments(),
		RunE: func(*cobra.Command, []string) error {
			valid, err := m.valid()
			if err != nil {
				return err
			}
			made, err := certificate.NewAuthority("Muster CA", time.Now(), valid)
			if err != nil {
				return err
			}
			return a.save(made, filepath.Join(m.dir, authorityFile), filepath.Join(m.dir, authorityKeyFile))
		},
	}
	m.flags(cmd, 3650)
	return cmd
}

// tlsIssueCommand makes certificates that the authority in the same directory signs.
func (a *app) tlsIssueCommand(server bool, short string) *cobra.Command {
	var m making
	use := "client NAME"
	if server {
		use = "server NAME"
	}
	cmd := &cobra.Command{
		Use:   use,
		Short: short + ": NAME.pem and NAME-key.pem",
		Long:  short + ", signed by the authority of muster tls ca,\nwhose files are in the same directory: NAME.pem and NAME-key.pem.",
		Args:  arguments("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			valid, err := m.valid()
			if err != nil {
				return err
			}
			if name := args[0]; name != filepath.Base(name) || name == "." || name == "ca" {
				return failed(exitUsage, "NAME must be the name of a file, and not ca, not %q", name)
			}
			authority, err := readAuthority(m.dir)
			if err != nil {
				return err
			}
			request := certificate.Request{Name: args[0], Now: time.Now(), Valid: valid}
			if server {
				request.Hosts = hostsOf(m.hosts)
			}
			made, err := certificate.Issue(authority, request)
			if err != nil {
				return err
			}
			return a.save(made, filepath.Join(m.dir, args[0]+".pem"), filepath.Join(m.dir, args[0]+"-key.pem"))
		},
	}
	m.flags(cmd, 365)
	if server {
		cmd.Flags().StringArrayVar(&m.hosts, "host", nil, "`HOST`, a name or an IP address by which others reach the node; repeatable (default this machine's name; those of loopback are always in it)")
	}
	return cmd
}

// readAuthority reads what muster tls ca has written.
func readAuthority(dir string) (certificate.Issued, error) {
	var i certificate.Issued
	for _, f := range []struct {
		name string
		to   *[]byte
	}{{authorityFile, &i.Certificate}, {authorityKeyFile, &i.Key}} {
		path := filepath.Join(dir, f.name)
		text, err := os.ReadFile(path) //nolint:gosec // The user says where.
		if errors.Is(err, fs.ErrNotExist) {
			return i, fmt.Errorf("there is no %s: make an authority first, with muster tls ca", path)
		}
		if err != nil {
			return i, fmt.Errorf("cannot read the authority: %w", err)
		}
		*f.to = text
	}
	return i, nil
}

// hostsOf is what a server's certificate is for: those that are given, or this machine's name, and loopback, so that commands
// on the machine itself work.
func hostsOf(given []string) []string {
	hosts := slices.Clone(given)
	if name, err := os.Hostname(); len(given) == 0 && err == nil {
		hosts = append(hosts, name)
	}
	for _, local := range []string{"localhost", "127.0.0.1", "::1"} {
		if !slices.Contains(hosts, local) {
			hosts = append(hosts, local)
		}
	}
	return hosts
}

// save writes a certificate and its key, and prints where.
func (a *app) save(made certificate.Issued, cert, key string) error {
	if err := made.Save(cert, key); err != nil {
		return err
	}
	return a.write(cert + "\n" + key + "\n")
}
