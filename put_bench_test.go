package muster_test

import (
	"strconv"
	"testing"

	"github.com/musterhq/muster"
)

// BenchmarkPut is a registration at a node that holds 100,000 instances: of a new instance, or again of one of them.
func BenchmarkPut(b *testing.B) {
	node, err := muster.Start(b.Context(), muster.Config{Node: "n1", Bind: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = node.Close() })
	put := func(i int) {
		_, _, err := node.Put(b.Context(), muster.Instance{
			Service: "service-" + strconv.Itoa(i%1000), ID: "instance-" + strconv.Itoa(i), Address: "10.0.0.1", Port: 8080,
			Tags: []string{"v2", "blue"}, Metadata: map[string]string{"version": "1.4.2", "team": "payments"},
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	const held = 100_000
	for i := range held {
		put(i)
	}
	for _, kind := range []struct {
		name string
		from int
	}{{"again", 0}, {"new", held}} {
		b.Run(kind.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				put(kind.from + i%held)
			}
		})
	}
}
