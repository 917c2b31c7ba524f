package measure

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Conditions are what a figure is worth nothing without.
type Conditions struct {
	// Commit is the revision of the source, with "+" behind it if the tree differs from it; "unknown" outside a checkout.
	Commit string `json:"commit"`
	Go     string `json:"go"`
	// CPU is the model's name as the kernel gives it, Cores how many the program may use at once.
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
	// Date is when the run began, UTC.
	Date time.Time `json:"date"`
	// Command is what to type to measure again.
	Command string `json:"command"`
}

// ReadConditions looks at the machine and the checkout it is called in.
func ReadConditions(ctx context.Context, command string) Conditions {
	return Conditions{
		Commit: commit(ctx), Go: runtime.Version(), CPU: cpuModel(), Cores: runtime.GOMAXPROCS(0),
		Date: time.Now().UTC().Truncate(time.Second), Command: command,
	}
}

func commit(ctx context.Context) string {
	revision, err := exec.CommandContext(ctx, "git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	at := string(bytes.TrimSpace(revision))
	if changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--untracked-files=no").Output(); err != nil || len(changed) > 0 {
		at += "+"
	}
	return at
}

func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
