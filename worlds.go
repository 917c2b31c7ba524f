package muster

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/gossip/frame"
)

// kindWorld is the kind of packet by which a gateway tells the members of its data centre which others can be reached:
// [data centre, round trip in microseconds, ...].
const kindWorld = frame.FirstForeign + 2

// maxWorld bounds how many data centres a packet names.
const maxWorld = 1024

// errWorld is such a packet that cannot be read. Nothing was taken from it.
var errWorld = errors.New("muster: malformed list of data centres")

func appendWorld(w *World) []byte {
	world := w.Reachable[:min(len(w.Reachable), maxWorld)]
	buf := bytes.NewBuffer(frame.AppendHeader(nil, kindWorld))
	enc := msgpack.NewEncoder(buf)
	_ = enc.EncodeArrayLen(2 * len(world)) // Writing to a buffer cannot fail.
	for _, d := range world {
		_ = enc.EncodeString(d.Datacenter)
		_ = enc.EncodeUint(uint64(max(d.RTT.Microseconds(), 0)))
	}
	return buf.Bytes()
}

// decodeWorld reads what appendWorld wrote.
func decodeWorld(b []byte) (w World, err error) {
	if kind, err := frame.Kind(b); err != nil || kind != kindWorld {
		return World{}, fmt.Errorf("%w: wrong kind or version", errWorld)
	}
	r := bytes.NewReader(b[frame.HeaderSize:])
	dec := msgpack.NewDecoder(r)
	n, err := dec.DecodeArrayLen()
	if err != nil || n < 0 || n%2 != 0 || n > r.Len() || n/2 > maxWorld {
		return World{}, fmt.Errorf("%w: %d fields in %d bytes", errWorld, n, len(b))
	}
	var world []Distance
	for range n / 2 {
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
	if r.Len() > 0 {
		return World{}, fmt.Errorf("%w: %d bytes too many", errWorld, r.Len())
	}
	return World{world}, nil
}
