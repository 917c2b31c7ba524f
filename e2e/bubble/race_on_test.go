//go:build race

package bubble

import "time"

// longCut is how long a data centre is cut off: with the race detector a virtual hour takes ten times as long, so it is
// only as long as tombstones need to come and go.
const longCut = 3 * time.Hour
