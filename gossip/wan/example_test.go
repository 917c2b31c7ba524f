package wan_test

import (
	"context"
	"fmt"
	"time"

	"github.com/musterhq/muster/gossip/wan"
)

func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	up := make(chan string, 1)
	east, err := wan.Start(ctx, wan.Config{
		Name: "n1", Datacenter: "east", Bind: "127.0.0.1:0", Profile: wan.Local, Meta: wan.Meta{Incarnation: 1},
		OnLink: func(e wan.LinkEvent) {
			if e.Kind == wan.LinkUp {
				up <- e.Peer
			}
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = east.Close() }()
	got := make(chan string, 1)
	west, err := wan.Start(ctx, wan.Config{
		Name: "n1", Datacenter: "west", Bind: "127.0.0.1:0", Profile: wan.Local, Meta: wan.Meta{Incarnation: 1},
		Seeds:   []string{east.Addr()},
		Handler: func(from string, msg []byte) { got <- from + " says " + string(msg) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = west.Close() }()

	if err := east.Send(<-up, []byte("hello")); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(<-got)
	// Output: east/n1 says hello
}
