package lan

import "github.com/hashicorp/memberlist"

// Transport is memberlist's: what carries packets and streams. It is named here so that those who start pools, and may
// not know memberlist, can pass one on.
type Transport = memberlist.Transport
