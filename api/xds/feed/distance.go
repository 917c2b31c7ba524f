package feed

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"time"

	"github.com/musterhq/muster/api/xds"
)

// members is a gateway's answer.
type members struct {
	Members []struct {
		Datacenter string `json:"datacenter"`
		State      string `json:"state"`
		RTT        span   `json:"rtt"`
	} `json:"members"`
}

// span is a duration as the registry writes it; what it cannot read is 0, as if it were not known.
type span time.Duration

func (s *span) UnmarshalText(text []byte) error {
	d, _ := time.ParseDuration(string(text))
	*s = span(d)
	return nil
}

// watchDistances tells of the order of data centres: once in any case, then whenever it is another.
func (f *Feed) watchDistances(ctx context.Context) {
	rtt := map[string]time.Duration{}
	var near []string
	for ctx.Err() == nil {
		measured, err := f.distances(ctx)
		if err != nil && !errors.Is(err, errRefused) {
			f.log.DebugContext(ctx, "distances of data centres are not known", "err", err)
		}
		maps.Copy(rtt, measured)
		near = xds.Nearest(near, rtt)
		f.tell(ctx, change{near: near})
		rest(ctx, distanceEvery)
	}
}

// distances is the round trip to each data centre that a gateway has measured: that to its nearest gateway.
func (f *Feed) distances(ctx context.Context) (map[string]time.Duration, error) {
	var all members
	_, _, err := f.ask.get(ctx, "/api/v1/members", func(string) (url.Values, time.Duration) {
		return url.Values{"wan": {"true"}}, 0
	}, func(b []byte) error { return json.Unmarshal(b, &all) })
	if err != nil {
		return nil, err
	}
	rtt := map[string]time.Duration{}
	for _, m := range all.Members {
		d := time.Duration(m.RTT)
		if m.State == "alive" && d > 0 && (rtt[m.Datacenter] == 0 || d < rtt[m.Datacenter]) {
			rtt[m.Datacenter] = d
		}
	}
	return rtt, nil
}
