package probe

import (
	"errors"
	"slices"
	"testing"
)

// FuzzServingStatus: whatever a server answers is a status by name or an error, and never more than was sent.
func FuzzServingStatus(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 2, 1 << 3, 1})
	f.Add([]byte{0, 0, 0, 0, 0})
	f.Add([]byte{0, 0, 0, 0, 7, 2<<3 | 2, 1, 'x', 1 << 3, 2, 3<<3 | 5, 0})
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff, 1 << 3, 1})
	f.Add([]byte{0, 0, 0, 0, 3, 1<<3 | 2, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, frame []byte) {
		status, err := servingStatus(frame)
		if err != nil {
			if !errors.Is(err, errAnswer) || status != "" {
				t.Fatalf("%q and %v", status, err)
			}
			return
		}
		if !slices.Contains(servingNames[:], status) {
			t.Fatalf("the status %q", status)
		}
	})
}
