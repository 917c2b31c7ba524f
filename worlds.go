package muster

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/musterhq/muster/catalog"
)

// worldFields is how many values a data centre is in a packet of kindWorld, by which a gateway tells the members of its own
// which others can be reached: [data centre, round trip in microseconds, ...].
const worldFields = 2

// maxWorld bounds how many data centres a packet names.
const maxWorld = 1024

// errWorld is such a packet that cannot be read. Nothing was taken from it.
var errWorld = errors.New("muster: malformed list of data centres")

func appendWorld(w *World) []byte {
	world := w.Reachable[:min(len(w.Reachable), maxWorld)]
	buf, enc := newPacket(kindWorld, worldFields*len(world))
	for _, d := range world {
		_ = enc.EncodeString(d.Datacenter)
		_ = enc.EncodeUint(uint64(max(d.RTT.Microseconds(), 0)))
	}
	return buf.Bytes()
}

// decodeWorld reads what appendWorld wrote.
func decodeWorld(b []byte) (w World, err error) {
	r, dec, n, err := openPacket(b, kindWorld, worldFields)
	if err == nil && n > maxWorld {
		err = fmt.Errorf("%d data centres", n)
	}
	if err != nil {
		return World{}, fmt.Errorf("%w: %w", errWorld, err)
	}
	var world []Distance
	for range n {
		name, err := readText(dec, r, 1, catalog.MaxNameBytes)
		if err != nil {
			return World{}, fmt.Errorf("%w: %w", errWorld, err)
		}
		micros, err := dec.DecodeUint64()
		if err != nil || micros > math.MaxInt64/1000 {
			return World{}, fmt.Errorf("%w: a round trip of %d us", errWorld, micros)
		}
		world = append(world, Distance{name, time.Duration(micros) * time.Microsecond})
	}
	if err := closePacket(r); err != nil {
		return World{}, fmt.Errorf("%w: %w", errWorld, err)
	}
	return World{world}, nil
}
