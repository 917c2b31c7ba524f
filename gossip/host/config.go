package host

import (
	"time"

	"github.com/hashicorp/memberlist"
)

// Limits on names, in bytes.
const (
	MaxName       = 64
	MaxDatacenter = 32
	MaxZone       = 64
)

// Config is what every pool is told, as far as it can be judged without knowing the pool.
type Config struct {
	Name, Datacenter, Zone string
	// Bind and Advertise are looked at only if Sockets is set: another transport has no use for them.
	Bind, Advertise      string
	Sockets              bool
	Keys                 [][]byte
	Seeds                []string
	Incarnation          uint64
	RejoinMin, RejoinMax time.Duration
	Forget               time.Duration
}

// Check calls bad for each fault, with the name of the field and its value.
func (c Config) Check(bad func(format string, args ...any)) {
	if err := CheckName(c.Name, MaxName); err != nil {
		bad("Name %q %w", c.Name, err)
	}
	if err := CheckName(c.Datacenter, MaxDatacenter); err != nil {
		bad("Datacenter %q %w", c.Datacenter, err)
	}
	if c.Zone != "" {
		if err := CheckName(c.Zone, MaxZone); err != nil {
			bad("Zone %q %w", c.Zone, err)
		}
	}
	if c.Sockets {
		if _, _, err := SplitHostPort(c.Bind); err != nil {
			bad("Bind %w", err)
		}
		if c.Advertise != "" {
			if _, err := ParseAdvertise(c.Advertise); err != nil {
				bad("Advertise %w", err)
			}
		}
	}
	for i, k := range c.Keys {
		// The key itself is a secret: only its length is shown.
		if memberlist.ValidateKey(k) != nil {
			bad("Keys[%d] has %d bytes, a key has 16, 24 or 32", i, len(k))
		}
	}
	for _, s := range c.Seeds {
		if _, port, err := SplitHostPort(s); err != nil {
			bad("Seeds %w", err)
		} else if port == 0 {
			bad("Seeds %q has port 0", s)
		}
	}
	if c.Incarnation == 0 {
		bad("Meta.Incarnation is 0, it has to grow from life to life")
	}
	if c.RejoinMin < 0 || c.RejoinMax < 0 || c.RejoinMax != 0 && c.RejoinMax < c.RejoinMin {
		bad("RejoinMin %v and RejoinMax %v are not a range", c.RejoinMin, c.RejoinMax)
	}
	if c.Forget < 0 {
		bad("Forget %v is negative", c.Forget)
	}
}
