package interop

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/musterhq/muster/e2e/need"
)

// The program in the README compiles with the client that is tested.
func TestTheReadmesProgramWithTheClientOfNacosCompiles(t *testing.T) {
	need.All(t, nacosGoLacks()...)
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?ms)^```go nacos\n(.*?)^```$").FindSubmatch(page)
	if m == nil {
		t.Fatal("README.md has no program")
	}
	dir := t.TempDir()
	source, file := filepath.Join(dir, "main.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(source, m[1], 0o600); err != nil {
		t.Fatal(err)
	}
	module, err := filepath.Abs("nacosclients")
	if err != nil {
		t.Fatal(err)
	}
	// The overlay puts the file into the module without touching the tree.
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(module, "readme", "main.go"): source}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "-C", module, "build", "-overlay", file, "-o", os.DevNull, "./readme")
	cmd.Env = append(os.Environ(), "GOPROXY=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
