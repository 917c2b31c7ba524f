package muster_test

import (
	"context"
	"fmt"
	"log"

	"github.com/musterhq/muster"
)

// Two nodes in one process, as they would be in two: register at one, find at the other.
func Example() {
	ctx := context.Background()
	n1, err := muster.Start(ctx, muster.Config{Node: "n1"})
	if err != nil {
		log.Fatal(err)
	}
	defer n1.Leave(ctx)
	n2, err := muster.Start(ctx, muster.Config{Node: "n2", Join: []string{n1.Addr()}})
	if err != nil {
		log.Fatal(err)
	}
	defer n2.Leave(ctx)

	lease, err := n1.Register(ctx, muster.Instance{Service: "payments", Address: "10.0.0.5", Port: 8080})
	if err != nil {
		log.Fatal(err)
	}
	defer lease.Deregister(ctx)

	for ev := range n2.Watch(ctx, "payments") { // A snapshot first, then every change.
		if ev.Type == muster.EventUp {
			break
		}
		if len(ev.Instances) > 0 {
			break
		}
	}
	for _, i := range n2.Lookup("payments").Instances() {
		fmt.Printf("%s at %s:%d, home %s\n", i.Service, i.Address, i.Port, i.Home)
	}
	// Output: payments at 10.0.0.5:8080, home dc1/n1
}
