package crowd_test

import (
	"testing"

	"github.com/musterhq/muster/e2e/sim/crowd"
)

func run(tb testing.TB, cfg crowd.Config) crowd.Report {
	tb.Helper()
	res, err := crowd.Run(cfg, tb.Logf)
	if err != nil {
		tb.Fatal(err)
	}
	return res
}

// An echo that lost a delta, counted one twice, or computed another hash than a catalog does would not agree with the
// keepers, and the run would fail; and a crowd that is nothing but keepers must end in the same state.
func TestEchoesEndInTheStateOfWholeNodes(t *testing.T) {
	few := run(t, crowd.Config{Seed: 3, Nodes: 80, Keepers: 4, Instances: 1600})
	all := run(t, crowd.Config{Seed: 3, Nodes: 80, Keepers: 80, Instances: 1600})
	if few.Digest != all.Digest || few.Digest == 0 {
		t.Fatalf("with 4 keepers the state is %016x, with 80 %016x", few.Digest, all.Digest)
	}
	for _, r := range []crowd.Report{few, all} {
		if r.FillCopies < 1 || r.FillCopies > 1.1 {
			t.Errorf("%.3f copies of a delta: the tree brings one, repair a few more", r.FillCopies)
		}
	}
}

func TestTheSameConfigGivesTheSameReport(t *testing.T) {
	cfg := crowd.Config{Seed: 7, Nodes: 70, Keepers: 3, Instances: 700}
	if a, b := run(t, cfg), run(t, cfg); a != b {
		t.Fatalf("one run reported %+v, another %+v", a, b)
	}
}

func BenchmarkRun(b *testing.B) {
	for b.Loop() {
		run(b, crowd.Config{Seed: 1, Nodes: 200, Keepers: 10, Instances: 20_000})
	}
}
