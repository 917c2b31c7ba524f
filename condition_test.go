package muster_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster"
)

// What may mean trouble is known from what the node does: snapshots that are written, then not, then again.
func TestANodeKnowsHowItsSnapshotsDo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	n, err := muster.Start(t.Context(), muster.Config{Node: "n1", DataDir: dir, SnapshotInterval: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = n.Close() }()
	began := n.Info().Started
	until(t, n, "writing snapshots", func() bool {
		s := n.Condition().Snapshot
		return s.Problem == "" && s.Since.After(began.Add(5*time.Millisecond))
	})
	aside := dir + ".aside"
	if err := os.Rename(dir, aside); err != nil {
		t.Fatal(err)
	}
	until(t, n, "failing to write them", func() bool { return strings.Contains(n.Condition().Snapshot.Problem, "no such file") })
	first := n.Condition().Snapshot.Since
	if err := os.Rename(aside, dir); err != nil {
		t.Fatal(err)
	}
	until(t, n, "writing them again", func() bool { return n.Condition().Snapshot.Problem == "" })
	if s := n.Condition().Snapshot; s.Dir != dir || s.Interval != 10*time.Millisecond || !s.Since.After(first) {
		t.Errorf("%+v", s)
	}
}

func TestANodeKnowsWhetherItsGossipCanBeRead(t *testing.T) {
	key := []byte(strings.Repeat("k", 32))
	for name, c := range map[string]struct {
		cfg       muster.Config
		encrypted bool
		exposed   string
	}{
		"loopback":             {muster.Config{}, false, ""},
		"everywhere, insecure": {muster.Config{Bind: "0.0.0.0:0", Advertise: "127.0.0.1:0", Insecure: true}, false, "0.0.0.0:0"},
		"everywhere, by a key": {muster.Config{Bind: "0.0.0.0:0", Advertise: "127.0.0.1:0", Keys: [][]byte{key}}, true, "0.0.0.0:0"},
	} {
		c.cfg.Node = "n1"
		n, err := muster.Start(t.Context(), c.cfg)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := n.Condition(); got.Encrypted != c.encrypted || strings.Join(got.Exposed, " ") != c.exposed {
			t.Errorf("%s: %+v", name, got)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFailuresOfMembersAreCountedForAWhile(t *testing.T) {
	nodes := startNodes(t, 1)
	n2, err := muster.Start(t.Context(), muster.Config{Node: "n2", Profile: "local", Join: []string{nodes[0].Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	until(t, nodes[0], "seeing n2", func() bool { return len(nodes[0].Members()) == 2 })
	if got := nodes[0].Condition().Failures; len(got) != 0 {
		t.Errorf("before: %v", got)
	}
	if err := n2.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, nodes[0], "counting", func() bool { return nodes[0].Condition().Failures["n2"] == 1 })
}
