package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/musterhq/muster/catalog"
)

// script is the script check: a command of this machine, which exits with 0 for passing, 1 for a warning, anything else
// for critical. It gets a search path and nothing else of this process's environment, which may hold secrets, and ends
// with its time-out together with whatever it has started.
func script(ctx context.Context, c *catalog.Check, timeout time.Duration) (catalog.CheckStatus, string) {
	out := &limited{left: outputLimit(c)}
	cmd := exec.CommandContext(ctx, c.Script[0], c.Script[1:]...) //nolint:gosec // That is what a script check is; see --enable-script-checks.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = scriptGrace
	err := cmd.Run()
	exit := new(exec.ExitError)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return catalog.CheckCritical, fmt.Sprintf("Timed out (%v) running check: %s", timeout, out.text)
	case err == nil:
		return catalog.CheckPassing, string(out.text)
	case errors.As(err, &exit) && exit.ExitCode() == 1:
		return catalog.CheckWarning, string(out.text)
	case errors.As(err, &exit):
		return catalog.CheckCritical, string(out.text)
	default:
		return catalog.CheckCritical, err.Error()
	}
}

// limited keeps the first bytes that are written to it, and takes the rest.
type limited struct {
	text []byte
	left int
}

// Write keeps what still fits. It never fails, so that the command is not stopped by what it says.
func (l *limited) Write(b []byte) (int, error) {
	n := min(len(b), l.left)
	l.text = append(l.text, b[:n]...)
	l.left -= n
	return len(b), nil
}
