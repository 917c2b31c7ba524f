package proc

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// tinyDisk mounts a small file system of its own below the run's folder, and unmounts it with the test.
func tinyDisk(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(thisRun.dir, "disk-") //nolint:usetesting // Here the janitor finds it.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := command("", "umount", dir); err != nil {
			t.Error(err)
		}
	})
	if err := command("", "mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// fill writes until nothing more fits, and returns what to remove to have the space back.
func fill(t *testing.T, dir string) string {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	_ = f.Close()
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	return f.Name()
}

// printed waits until an agent has printed a line with all of those words.
func (a *agent) printed(limit time.Duration, words ...string) {
	a.t.Helper()
	a.until(limit, "saying so", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		for line := range bytes.Lines(a.out.Bytes()) {
			has := true
			for _, w := range words {
				has = has && bytes.Contains(line, []byte(w))
			}
			if has {
				return true
			}
		}
		return false
	})
}

// snapshot is the snapshot of an agent with that data directory.
func snapshot(dir string) string { return filepath.Join(dir, "catalog.snapshot") }

// written waits until there is a snapshot.
func (a *agent) written(limit time.Duration, dir string) {
	a.t.Helper()
	a.until(limit, "done with its snapshot", func() bool {
		_, err := os.Stat(snapshot(dir))
		return err == nil
	})
}

// restart starts a node's agent again and waits until it is ready. From before it listens on, it is asked without pause:
// its first answer other than that it is not ready has to have everything.
func (f *fleet) restart(name string, flags ...string) {
	f.t.Helper()
	h, c := f.net.host(name), f.net.host("c1")
	answered := make(chan error, 1)
	go func() {
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			before := f.load.claim("")
			if seen, err := visible(f.load.done, c, h); err == nil {
				f.load.compare(name, before, seen)
				answered <- nil
				return
			}
		}
		answered <- errors.New("no answer in 20 s")
	}()
	f.at[name] = h.start(flags...)
	f.t.Logf("%s is ready %.2f s after it listens", name, f.at[name].waitReady(20*time.Second).Seconds())
	if err := <-answered; err != nil {
		f.t.Fatalf("%s: %v", name, err)
	}
	f.goOn()
}

// Processes die, stop and find their disk full, and clients go on. Nothing that was acknowledged is lost, and each of
// them is a full member again as soon as it is back.
func TestProcessFaultsLoseNothing(t *testing.T) {
	t.Parallel()
	requires(t, "ip", "nft", "mount", "umount")
	disk, data := tinyDisk(t), t.TempDir()
	ballast := fill(t, disk)
	f := startFleet(t, "faults", 4, 15, func(h *host) []string {
		return map[string][]string{"n2": {"--data-dir", disk}, "n3": {"--data-dir", data}}[h.name]
	})
	began := time.Now()

	t.Log("SIGKILL, and a restart with nothing")
	f.at["n1"].kill()
	f.run(4 * time.Second)
	f.restart("n1")
	f.agree(20 * time.Second)
	f.normal()

	t.Log("SIGSTOP for 20 s")
	f.at["n4"].signal(syscall.SIGSTOP)
	awake := others(f.nodes, f.net.pick("n4"))
	f.run(10 * time.Second)
	// By now its clients have left it. What it says at first when it goes on is what it knew when it was stopped.
	f.divide(awake, awake)
	f.run(9 * time.Second)
	f.at["n4"].signal(syscall.SIGCONT)
	f.at["n4"].printed(5*time.Second, "this process was stopped")
	f.agree(20 * time.Second)
	f.normal()

	t.Log("a full disk")
	f.at["n2"].printed(65*time.Second-time.Since(began), "level=ERROR", "snapshot not written", "no space left on device")
	t.Logf("said so %.1f s after the start", time.Since(began).Seconds())
	f.run(3 * time.Second)
	if status, _, err := f.at["n2"].call("GET", "/readyz", nil); err != nil || status != 200 {
		t.Errorf("n2 with a full disk is not ready: %d, %v", status, err)
	}

	t.Log("SIGKILL, and a restart from a snapshot")
	f.at["n3"].written(65*time.Second-time.Since(began), data)
	f.at["n3"].kill()
	f.run(4 * time.Second)
	f.restart("n3", "--data-dir", data)
	f.agree(20 * time.Second)
	f.normal()

	t.Log("space on the disk again")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	f.at["n2"].signal(syscall.SIGTERM)
	if status := f.at["n2"].exit(20 * time.Second); status != 0 {
		t.Errorf("exit status %d", status)
	}
	f.at["n2"].written(0, disk)
	f.restart("n2", "--data-dir", disk)
	f.agree(20 * time.Second)
	f.normal()
	f.finish()
}
