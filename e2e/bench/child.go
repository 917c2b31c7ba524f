package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"time"

	"github.com/musterhq/muster/e2e/bench/measure"
)

// childCommand is the hidden first argument of a child process: childCommand KIND PROFILE-FOLDER.
const childCommand = "child"

// A child and its parent exchange lines of JSON over the child's standard input and output. The first line tells the child
// what it is for; it answers once it is ready, and then each line with one. It ends when its input does.
var childKinds = map[string]func(ctx context.Context, arg json.RawMessage, l *line) error{
	"node":      nodeChild,
	"handler":   handlerChild,
	"broadcast": broadcastChild,
	"load":      loadChild,
	"watchers":  watchersChild,
	"memory":    memoryChild,
	"member":    memberChild,
	"join":      joinChild,
	"start":     startChild,
	"gc":        collectorChild,
	"writes":    writesChild,
	"lookup":    lookupChild,
}

// runChild is a child's main; it returns the exit status.
func runChild(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	fail := func(err error) int {
		_, _ = fmt.Fprintf(errs, "bench child: %v\n", err) // Nobody to tell.
		return 1
	}
	if len(args) != 2 || childKinds[args[0]] == nil {
		return fail(fmt.Errorf("unknown child %q", args))
	}
	stop, err := profileTo(args[1], args[0])
	if err != nil {
		return fail(err)
	}
	defer stop()
	l := &line{dec: json.NewDecoder(in), enc: json.NewEncoder(out)}
	var arg json.RawMessage
	if !l.hear(&arg) {
		return 0 // The parent has ended already.
	}
	if err := childKinds[args[0]](ctx, arg, l); err != nil {
		return fail(err)
	}
	return 0
}

// line is the conversation, from one of its ends.
type line struct {
	dec *json.Decoder
	enc *json.Encoder
}

func (l *line) say(v any) error { return l.enc.Encode(v) }

// hear reads the next line; false at the end of the conversation.
func (l *line) hear(v any) bool { return l.dec.Decode(v) == nil }

// child is a child process, as its parent sees it.
type child struct {
	kind string
	cmd  *exec.Cmd
	in   io.WriteCloser
	line
}

// startChild starts a process and waits for what it says first.
func (o options) startChild(ctx context.Context, kind string, arg, hello any) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{kind: kind, cmd: exec.CommandContext(ctx, self, childCommand, kind, o.profile)} //nolint:gosec // This very program.
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.line = line{dec: json.NewDecoder(out), enc: json.NewEncoder(c.in)}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if err := c.ask(arg, hello); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// ask is one line there and one back.
func (c *child) ask(question, answer any) error {
	if err := c.say(question); err != nil {
		return fmt.Errorf("child %s: %w", c.kind, err)
	}
	if !c.hear(answer) {
		return fmt.Errorf("child %s has not answered", c.kind)
	}
	return nil
}

func (c *child) cpu() (time.Duration, error) { return measure.CPU(c.cmd.Process.Pid) }

// childGrace is how long a child may take to end.
const childGrace = 20 * time.Second

// stop ends the child and waits for it.
func (c *child) stop() error {
	_ = c.in.Close() // It may have ended by itself.
	kill := time.AfterFunc(childGrace, func() { _ = c.cmd.Process.Kill() })
	defer kill.Stop()
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("child %s: %w", c.kind, err)
	}
	return nil
}

// once runs a child that says one thing and ends.
func (o options) once(ctx context.Context, kind string, arg, answer any) error {
	c, err := o.startChild(ctx, kind, arg, answer)
	if err != nil {
		return err
	}
	return c.stop()
}

// profileTo writes a CPU profile of this process to a folder, until the returned function is called, and then one of the
// heap as of the last collection. No folder, no profile.
func profileTo(dir, name string) (stop func(), err error) {
	if dir == "" {
		return func() {}, nil
	}
	path := filepath.Join(dir, name+"-"+strconv.Itoa(os.Getpid()))
	f, err := os.Create(path + ".cpu.prof") //nolint:gosec // Who runs it names the folder.
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()                                             // A profile that is cut short says so itself.
		if h, err := os.Create(path + ".heap.prof"); err == nil { //nolint:gosec // Likewise.
			_ = pprof.WriteHeapProfile(h)
			_ = h.Close()
		}
	}, nil
}

// pause lets time pass.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// until waits for a condition, looking every step. The error says what did not happen.
func until(ctx context.Context, limit, step time.Duration, what string, done func() (bool, error)) error {
	begin := time.Now()
	for {
		ok, err := done()
		switch {
		case err != nil || ok:
			return err
		case time.Since(begin) > limit:
			return fmt.Errorf("not within %v: %s", limit, what)
		}
		if err := pause(ctx, step); err != nil {
			return err
		}
	}
}
