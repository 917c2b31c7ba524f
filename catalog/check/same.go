package check

import (
	"maps"
	"slices"

	"github.com/musterhq/muster/catalog"
)

// sameSlice reports whether two lists of checks are one and the same, or say the same.
func sameSlice(a, b []catalog.Check) bool {
	if len(a) != len(b) {
		return false
	}
	if len(a) == 0 || &a[0] == &b[0] {
		return true
	}
	for i := range a {
		if a[i].ID != b[i].ID || !same(&a[i], &b[i]) {
			return false
		}
	}
	return true
}

// same reports whether two definitions ask for the same: words for people aside, a check goes on as it was.
func same(a, b *catalog.Check) bool {
	return a.TTL == b.TTL && a.HTTP == b.HTTP && a.TCP == b.TCP && a.GRPC == b.GRPC && a.Alias == b.Alias &&
		slices.Equal(a.Script, b.Script) && a.Method == b.Method && a.Body == b.Body && a.NoRedirect == b.NoRedirect &&
		maps.EqualFunc(a.Header, b.Header, slices.Equal[[]string]) &&
		a.TLS == b.TLS && a.TLSServerName == b.TLSServerName && a.TLSSkipVerify == b.TLSSkipVerify &&
		a.Interval == b.Interval && a.Timeout == b.Timeout &&
		a.SuccessBeforePassing == b.SuccessBeforePassing && a.FailuresBeforeWarning == b.FailuresBeforeWarning &&
		a.FailuresBeforeCritical == b.FailuresBeforeCritical &&
		a.DeregisterAfter == b.DeregisterAfter && a.OutputMax == b.OutputMax
}
