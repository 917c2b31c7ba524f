package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func TestEventsAreReadAsTheStandardHasThem(t *testing.T) {
	const stream = "retry: 1500\nretry: soon\n\n: heartbeat\n\nevent: forgotten\n\n" +
		"id: 7\nevent: up\ndata: {\ndata:  }\n\ndata\n\nid:8\ndata: cut off"
	lines := 0
	r := newEventReader(strings.NewReader(stream), func() { lines++ })
	var got []string
	for {
		ev, err := r.next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			break
		}
		got = append(got, fmt.Sprintf("%q", ev))
	}
	want := `{"7" "up" "{\n }"}|{"" "" ""}`
	if all := strings.Join(got, "|"); all != want || r.retry != 1500*time.Millisecond || lines != 16 {
		t.Errorf("%s, to come back after %v, %d lines", all, r.retry, lines)
	}
}
