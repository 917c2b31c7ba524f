package spread

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// ErrConfig says that a Config can't be used. The message lists every fault.
var ErrConfig = errors.New("spread: bad configuration")

// Config is what New needs. Self, Rand and Store have no default; every other field at its zero value takes the default
// named with it. Values below zero are refused.
type Config struct {
	// Self is this node's id: what other members call it and what is in its own origins' Node field.
	Self string
	// Zone is this node's zone; may be empty.
	Zone string
	// Rand is the only source of randomness. The engine owns it from then on.
	Rand *rand.Rand
	// Store is the catalog.
	Store Store
	// Far is the catalog as other data centres may see it: without private origins. Nil is Store.
	Far Store

	// MaxPacket is the largest message sent best effort, in bytes, at least 256. Default 1,300: below it a packet
	// passes every common link unfragmented, with room for encryption and labels.
	MaxPacket int
	// MaxStream is the largest message sent reliably, in bytes, at least MaxPacket. Default 512 KiB. Only a single body
	// that is larger may exceed it.
	MaxStream int
	// StreamAt is the number of packets above which a batch goes by stream instead. Default 16: more at once overruns
	// the receivers' queues, and what they drop must be asked for again.
	StreamAt int

	// FlatMax is the number of other members, 1 to 255, up to which a writer sends to all of them itself. Default 64.
	FlatMax int
	// Fanout is K above FlatMax, and for streams always, 1 to 255. Default 6. Larger: fewer hops, more work at the root.
	Fanout int

	// AnnounceDelay is how long fresh dots are gathered before they are announced. Default 8 ms: longer than a delta
	// takes down the tree, so that usually nobody needs to ask.
	AnnounceDelay time.Duration
	// AnnounceFanout is the number of random peers told. Default 3: one in twenty peers is then told by nobody, and
	// learns from the next frame or digest.
	AnnounceFanout int
	// AnnounceRate bounds the bytes of announcements a second, in the long run. Default 5 KiB. Under more load than it
	// allows they are gathered for longer; gaps in the frames that keep coming take over.
	AnnounceRate int
	// AnnounceBurst is how many bytes may be spent at once beyond the rate. Default 5 KiB.
	AnnounceBurst int
	// HeadDelays are the moments after its last write at which a writer announces its newest dots again, ascending.
	// Default 50, 250 and 1,000 ms.
	HeadDelays [3]time.Duration

	// WantDelay is how long a missing dot is awaited before it is asked for; doubled with each try. Default 5 ms.
	WantDelay time.Duration
	// WantMax is the number of dots above which a sync is started instead of asking for them. Default 64.
	WantMax int
	// WantTries is how often a dot is asked for before a sync is started. Default 4, at most 16.
	WantTries int

	// CacheDots is how many recent bodies are kept for each origin. Default 1,024.
	CacheDots int
	// CacheBytes is how many bytes of recent bodies are kept in total, counting 64 more for each. Default 4 MiB.
	CacheBytes int
	// CacheAge is how long a body is kept. Default 60 s: longer than a dead member takes to be noticed, because the
	// newest writes of a member that died are announced from here.
	CacheAge time.Duration

	// SyncIn is the number of sessions served at once; further requests are refused. Default 4.
	SyncIn int
	// SyncOut is the number of sessions open towards others. Default 2: one that makes progress, and one that stalls.
	SyncOut int
	// SyncStall is how long a session may be silent before another one is started beside it. Default 1 s. While one
	// makes progress the next waits, because what it brings is what the next would bring again.
	SyncStall time.Duration
	// SyncIdle is how long a session may be silent before it is given up, on both sides. Default 10 s.
	SyncIdle time.Duration
	// SyncGap is the least time between two syncs with one peer; up to half of it is added at random. Default 200 ms.
	SyncGap time.Duration

	// MaxFar is the size of a message over a link between data centres, which is not exceeded but by one delta that is
	// larger. Default 64 KiB: a slow link carries it in time.
	MaxFar int
	// FarIdle is SyncIdle for a session over a link. Default 60 s.
	FarIdle time.Duration
	// FarDigest is the time between two comparisons over a link. Default 2 s.
	FarDigest time.Duration

	// JoinDelay bounds the random wait before a sync with a member that came up. Default 200 ms.
	JoinDelay time.Duration
	// JoinMax is the number of such syncs that may be waiting; which ones is random. Default 3.
	JoinMax int

	// DigestGap is the least time between two syncs that unequal digests cause. Default 1 s.
	DigestGap time.Duration
	// Quiet is how long after a delta was sent or received an unequal digest counts as one that is on its way to being
	// equal. Default 50 ms.
	Quiet time.Duration
	// Stale is the age at which an inequality counts all the same. Default 1 s.
	Stale time.Duration
}

// withDefaults fills in the zero fields.
func (c Config) withDefaults() Config {
	if c.Far == nil {
		c.Far = c.Store
	}
	c.MaxPacket = cmp.Or(c.MaxPacket, 1300)
	c.MaxStream = cmp.Or(c.MaxStream, 512<<10)
	c.StreamAt = cmp.Or(c.StreamAt, 16)
	c.FlatMax = cmp.Or(c.FlatMax, 64)
	c.Fanout = cmp.Or(c.Fanout, 6)
	c.AnnounceDelay = cmp.Or(c.AnnounceDelay, 8*time.Millisecond)
	c.AnnounceFanout = cmp.Or(c.AnnounceFanout, 3)
	c.AnnounceRate = cmp.Or(c.AnnounceRate, 5<<10)
	c.AnnounceBurst = cmp.Or(c.AnnounceBurst, 5<<10)
	c.HeadDelays = cmp.Or(c.HeadDelays, [3]time.Duration{50 * time.Millisecond, 250 * time.Millisecond, time.Second})
	c.WantDelay = cmp.Or(c.WantDelay, 5*time.Millisecond)
	c.WantMax = cmp.Or(c.WantMax, 64)
	c.WantTries = cmp.Or(c.WantTries, 4)
	c.CacheDots = cmp.Or(c.CacheDots, 1024)
	c.CacheBytes = cmp.Or(c.CacheBytes, 4<<20)
	c.CacheAge = cmp.Or(c.CacheAge, time.Minute)
	c.SyncIn = cmp.Or(c.SyncIn, 4)
	c.SyncOut = cmp.Or(c.SyncOut, 2)
	c.SyncStall = cmp.Or(c.SyncStall, time.Second)
	c.SyncIdle = cmp.Or(c.SyncIdle, 10*time.Second)
	c.SyncGap = cmp.Or(c.SyncGap, 200*time.Millisecond)
	c.MaxFar = cmp.Or(c.MaxFar, 64<<10)
	c.FarIdle = cmp.Or(c.FarIdle, time.Minute)
	c.FarDigest = cmp.Or(c.FarDigest, 2*time.Second)
	c.JoinDelay = cmp.Or(c.JoinDelay, 200*time.Millisecond)
	c.JoinMax = cmp.Or(c.JoinMax, 3)
	c.DigestGap = cmp.Or(c.DigestGap, time.Second)
	c.Quiet = cmp.Or(c.Quiet, 50*time.Millisecond)
	c.Stale = cmp.Or(c.Stale, time.Second)
	return c
}

// Validate returns every fault of the configuration, joined, each an ErrConfig; nil if there is none. Zero fields are
// judged by their defaults.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...))
		}
	}
	fault(c.Self == "", "Self is empty")
	fault(c.Rand == nil, "Rand is nil")
	fault(c.Store == nil, "Store is nil")
	fault(c.MaxPacket < 256, "MaxPacket is %d, must be at least 256", c.MaxPacket)
	fault(c.MaxStream < c.MaxPacket, "MaxStream is %d, must be at least MaxPacket, %d", c.MaxStream, c.MaxPacket)
	fault(c.FlatMax > 255 || c.FlatMax < 1, "FlatMax is %d, must be 1 to 255", c.FlatMax)
	fault(c.Fanout > 255 || c.Fanout < 1, "Fanout is %d, must be 1 to 255", c.Fanout)
	fault(c.WantTries > 16, "WantTries is %d, must be at most 16", c.WantTries)
	for i, d := range c.HeadDelays {
		fault(d <= 0 || i > 0 && d <= c.HeadDelays[i-1], "HeadDelays are %v, must be above zero and ascend", c.HeadDelays)
	}
	for _, f := range []struct {
		name  string
		value int
	}{
		{"StreamAt", c.StreamAt},
		{"AnnounceFanout", c.AnnounceFanout},
		{"AnnounceRate", c.AnnounceRate},
		{"MaxFar", c.MaxFar},
		{"AnnounceBurst", c.AnnounceBurst},
		{"WantMax", c.WantMax},
		{"WantTries", c.WantTries},
		{"CacheDots", c.CacheDots},
		{"CacheBytes", c.CacheBytes},
		{"SyncIn", c.SyncIn},
		{"SyncOut", c.SyncOut},
		{"JoinMax", c.JoinMax},
	} {
		fault(f.value < 1, "%s is %d, must be at least 1", f.name, f.value)
	}
	for _, f := range []struct {
		name  string
		value time.Duration
	}{
		{"AnnounceDelay", c.AnnounceDelay},
		{"WantDelay", c.WantDelay},
		{"CacheAge", c.CacheAge},
		{"SyncStall", c.SyncStall},
		{"SyncIdle", c.SyncIdle},
		{"SyncGap", c.SyncGap},
		{"JoinDelay", c.JoinDelay},
		{"DigestGap", c.DigestGap},
		{"Quiet", c.Quiet},
		{"Stale", c.Stale},
	} {
		fault(f.value < 1, "%s is %v, must be above zero", f.name, f.value)
	}
	return errors.Join(errs...)
}
