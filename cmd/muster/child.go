package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// deregisterGrace is how long the node may take to hear that a command has ended.
const deregisterGrace = 5 * time.Second

// passedOn are the signals that a command gets from whoever sends them to this program.
func passedOn() []os.Signal {
	return []os.Signal{
		syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
	}
}

// runRegistered runs a command with its instance registered, and exits with its status. A node that refuses the
// registration keeps the command from being started; one that is away does not.
func (a *app) runRegistered(ctx context.Context, r *remote, reg registration, command []string) error {
	path, err := exec.LookPath(command[0])
	if err != nil {
		return fmt.Errorf("cannot run %s: %w", command[0], lookCause(err))
	}
	signals, stop := a.env.signals(passedOn()...)
	defer stop()
	k := &keeper{remote: r, reg: reg, warn: a.warn}
	if err := k.register(ctx); err != nil {
		if !mayPass(err) {
			return err
		}
		k.away, k.failed = true, 1
		a.warn("%v; %s starts all the same, and is registered when it can be", err, reg.Service)
	}
	cmd := exec.CommandContext(ctx, path, command[1:]...) //nolint:gosec // To run what the user says is what this is for.
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.in, a.out, a.errs
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("cannot run %s: %w", command[0], err), a.takeOut(ctx, k))
	}
	keeping, end := context.WithCancel(ctx)
	k.remote = r.within(max(k.period(), time.Second))
	var wg sync.WaitGroup
	wg.Go(func() { k.run(keeping) })
	status, waitErr := a.await(cmd, signals)
	end()
	wg.Wait()
	if err := a.takeOut(ctx, k); err != nil {
		a.warn("%v; %s stays registered until its TTL is over", err, reg.Service)
	}
	if waitErr != nil {
		return waitErr
	}
	return exitWith(status)
}

// mayPass reports whether a registration failed for a reason that may pass by itself.
func mayPass(err error) bool {
	switch statusOf(err) {
	case exitUnreachable, exitTimedOut, exitFalse:
		return true
	default:
		return false
	}
}

// takeOut deregisters, even if ctx has ended.
func (a *app) takeOut(ctx context.Context, k *keeper) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deregisterGrace)
	defer cancel()
	return k.deregister(ctx)
}

// await passes signals on until the command has ended, and returns its exit status.
func (a *app) await(cmd *exec.Cmd, signals <-chan os.Signal) (status int, err error) {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	typed := isTerminal(a.in)
	for {
		select {
		case sig := <-signals:
			// What is typed at a terminal goes to the command too: it is in the same process group.
			if typed && (sig == syscall.SIGINT || sig == syscall.SIGQUIT) {
				continue
			}
			_ = cmd.Process.Signal(sig) // It may have ended just now.
		case err := <-ended:
			return exitStatus(cmd, err)
		}
	}
}

// exitStatus is the status of a command that has ended, as a shell gives it.
func exitStatus(cmd *exec.Cmd, err error) (int, error) {
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		return exitFailed, fmt.Errorf("waiting for the command: %w", err)
	} else if ok {
		if w, ok := exit.Sys().(syscall.WaitStatus); ok && w.Signaled() {
			return 128 + int(w.Signal()), nil
		}
	}
	return cmd.ProcessState.ExitCode(), nil
}

// isTerminal reports whether someone types at r.
func isTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// lookCause is why a command was not found, without its name.
func lookCause(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*exec.Error](err); ok {
		return e.Err
	}
	return err
}
