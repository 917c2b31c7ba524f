package muster

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/musterhq/muster/gossip/frame"
)

func TestWorldsSurviveTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w World
		for range rapid.IntRange(0, 5).Draw(t, "data centres") {
			w.Reachable = append(w.Reachable, Distance{
				rapid.StringMatching("[a-z]{1,20}").Draw(t, "name"),
				time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "rtt")) * time.Microsecond,
			})
		}
		got, err := decodeWorld(appendWorld(&w))
		if err != nil || !reflect.DeepEqual(got, w) {
			t.Fatalf("%+v became %+v, %v", w, got, err)
		}
	})
}

func FuzzWorld(f *testing.F) {
	f.Add(appendWorld(&World{[]Distance{{"dc2", time.Millisecond}}}))
	f.Add(frame.AppendHeader(nil, kindWorld))
	f.Add(append(frame.AppendHeader(nil, kindWorld), 0xdd, 0xff, 0xff, 0xff, 0xfe))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := decodeWorld(b)
		if err != nil {
			if !errors.Is(err, errWorld) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		again, err := decodeWorld(appendWorld(&w))
		if err != nil || !reflect.DeepEqual(again, w) {
			t.Fatalf("%+v became %+v, %v", w, again, err)
		}
	})
}
