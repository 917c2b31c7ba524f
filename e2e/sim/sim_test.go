package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/musterhq/muster/e2e/sim/world"
)

func TestSchedulesPass(t *testing.T) {
	o := options{start: 1, seeds: seedsInTest, scenario: "any", workers: 2}
	stop := make(chan struct{})
	defer close(stop)
	for r := range results(o, stop) {
		if r.Failure == nil {
			continue
		}
		name := filepath.Join(t.ArtifactDir(), "transcript.txt")
		var b bytes.Buffer
		_ = world.New(r.Plan, &b).Run() // For its transcript.
		if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
			t.Error(err)
		}
		t.Errorf("seed %d, commit %s: %v\nreplay: %s", r.Plan.Seed, commit(), r.Failure, o.command(r.Plan.Seed))
	}
}

// Seeds that have failed once, each for a bug in the product that has since been fixed.
func TestSeedsThatOnceFailedPass(t *testing.T) {
	for _, c := range []struct {
		scenario string
		seed     uint64
		bug      string
	}{
		{"mixed", 25, "what a process that restarts registers loses to the farewell of its earlier life"},
		{"mixed", 35, "a node without memory writes before it has caught up, and members come to hold different states"},
		{"mixed", 338, "what lives in the process of a node is evicted by it"},
		{"mixed", 1037, "an earlier life deregisters what lives in this one, after a start on its own"},
		{"crashes", 172, "a node that turns renewals away evicts those who renew elsewhere"},
		{"crashes", 1062, "a lease that was preserved is asserted again after a pause, and never marked again"},
		{"long", 6569, "two lives of one node, both without memory, take the same higher incarnation"},
		{"pauses", 31198, "a home that is about to die takes a mark off, and its heir, which keeps the lease, never puts it on again"},
		{"wan", 272, "a gateway is made ready by a link, and its own data centre, which it has not heard yet, knows more"},
		{"wan", 2847, "an empty node learns from one peer what another, which it has asked before, knows to be deleted"},
		{"long", 111, "a mark is taken off a lease that nobody has renewed, and never put on again"},
	} {
		if r := world.Run(world.Generate(c.seed, c.scenario, 0)); r.Failure != nil {
			t.Errorf("%s, seed %d (%s): %v", c.scenario, c.seed, c.bug, r.Failure)
		}
	}
}

func TestTheSameSeedGivesTheSameTranscriptTenTimesOfTen(t *testing.T) {
	for _, seed := range []uint64{4, 15} { // The second has data centres and what is private to them.
		var first bytes.Buffer
		r := world.New(world.Draw(seed, 0), &first).Run()
		if first.Len() < 10_000 {
			t.Fatalf("seed %d: a transcript of %d bytes", seed, first.Len())
		}
		for range 9 {
			var again bytes.Buffer
			if r2 := world.New(world.Draw(seed, 0), &again).Run(); r2.Trace != r.Trace || !bytes.Equal(first.Bytes(), again.Bytes()) {
				t.Fatalf("seed %d: trace %x, then %x", seed, r.Trace, r2.Trace)
			}
		}
		if other := world.Run(world.Draw(seed+1, 0)); other.Trace == r.Trace {
			t.Fatalf("seed %d changes nothing", seed+1)
		}
	}
}

func TestCommand(t *testing.T) {
	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"--seeds 3 --scenario calm", 0, "3 schedules"},
		{"--replay 7", 0, "passed: "},
		{"--scenario list", 0, "crashes"},
		{"--scenario nonsense", 2, ""},
		{"--nonsense", 2, ""},
		{"--seeds 1 extra", 2, ""},
	} {
		var out, progress bytes.Buffer
		if got := run(strings.Fields(c.args), &out, &progress); got != c.status || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: status %d, want %d\n%s%s", c.args, got, c.status, out.String(), progress.String())
		}
	}
}
