package muster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"

	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/catalog/wire"
)

// snapshotFile is the name of the snapshot in DataDir.
const snapshotFile = "catalog.snapshot"

// SnapshotPath is where a node with that data directory keeps its snapshot.
func SnapshotPath(dataDir string) string { return filepath.Join(dataDir, snapshotFile) }

// loadSnapshot reads what an earlier life has left, nil if nothing, and the addresses of its peers. A damaged file is set
// aside and told of: a node that does not start because of its memory is worse than one that has to ask its peers. So is
// one of another node. An unreadable directory is an error: its owner wants to know.
func loadSnapshot(cfg Config) (*wire.Snapshot, []string, error) {
	if cfg.DataDir == "" {
		return nil, nil, nil
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("muster: data directory: %w", err)
	}
	path := SnapshotPath(cfg.DataDir)
	f, err := os.Open(path) //nolint:gosec // The operator's own directory.
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("muster: snapshot: %w", err)
	}
	s, err := wire.ReadSnapshot(f)
	_ = f.Close() // Opened to read.
	if err == nil && s.Node != cfg.Datacenter+"/"+cfg.Node {
		err = fmt.Errorf("%w: it is of node %s", wire.ErrDamaged, s.Node)
	}
	if errors.Is(err, wire.ErrDamaged) {
		aside := path + ".damaged-" + time.Now().UTC().Format("20060102T150405Z")
		if renameErr := os.Rename(path, aside); renameErr != nil {
			return nil, nil, fmt.Errorf("muster: snapshot: %w; and it cannot be set aside: %w", err, renameErr)
		}
		cfg.Logger.Error("snapshot set aside, starting without it", "path", aside, "err", err)
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("muster: snapshot: %w", err)
	}
	return s, s.Peers, nil
}

// keepSnapshots writes a snapshot now and then. One that fails is told of, and tried again the next time.
func (n *Node) keepSnapshots() {
	tick := time.NewTicker(n.cfg.SnapshotInterval)
	defer tick.Stop()
	for {
		select {
		case <-n.done.Done():
			return
		case <-tick.C:
			err := n.saveSnapshot()
			if err != nil {
				n.log.Error("snapshot not written", "err", err)
			}
			n.noteSnapshot(err)
		}
	}
}

// noteSnapshot remembers how the last one went, for Condition.
func (n *Node) noteSnapshot(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := &n.snapshots
	switch now := time.Now(); {
	case err == nil:
		s.Problem, s.Since = "", now
	case s.Problem == "":
		s.Problem, s.Since = err.Error(), now
	default:
		s.Problem = err.Error()
	}
}

// saveSnapshot writes the catalog beside the old snapshot, syncs it to disk, and puts it in its place. The lock is held
// only to list the records, which are immutable.
func (n *Node) saveSnapshot() (err error) {
	n.mu.Lock()
	s := n.replica.Snapshot(n.moment())
	n.mu.Unlock()
	for _, m := range n.pool.Members().All() {
		if m.Name != n.cfg.Node {
			s.Peers = append(s.Peers, m.Addr)
		}
	}
	f, err := renameio.NewPendingFile(SnapshotPath(n.cfg.DataDir), renameio.WithPermissions(0o600))
	if err != nil {
		return fmt.Errorf("muster: snapshot: %w", err)
	}
	defer func() { err = errors.Join(err, f.Cleanup()) }()
	if err := wire.WriteSnapshot(f, s); err != nil {
		return fmt.Errorf("muster: snapshot: %w", err)
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("muster: snapshot: %w", err)
	}
	return nil
}

// Snapshot is what the replica would want to know after a restart, without its peers' addresses. Its records are shared
// and immutable.
func (r *Replica) Snapshot(at Moment) *wire.Snapshot {
	t := r.cat.Transfer(&causal.Vector{}, false)
	return &wire.Snapshot{
		Node: r.id, Incarnation: r.cat.Self().Incarnation, Written: at.Wall,
		Summary: t.Summary, Records: r.cat.Records(),
	}
}
