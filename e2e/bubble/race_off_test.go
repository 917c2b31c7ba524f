//go:build !race

package bubble

import "time"

// longCut is how long a data centre is cut off.
const longCut = 20 * time.Hour
