package lan_test

import (
	"context"
	"fmt"

	"github.com/musterhq/muster/gossip/lan"
)

func ExampleStart() {
	got := make(chan string)
	config := lan.Config{Name: "a", Datacenter: "dc1", Bind: "127.0.0.1:0", Meta: lan.Meta{Incarnation: 1}}
	config.Handler = func(from string, msg []byte) { got <- fmt.Sprintf("%s says %s", from, msg) }
	a, err := lan.Start(context.Background(), config)
	if err != nil {
		fmt.Println(err)
		return
	}
	config.Name, config.Seeds = "b", []string{a.Addr()}
	b, err := lan.Start(context.Background(), config)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(b.SendReliable("a", []byte("hello")), <-got, b.Close(), a.Close())
	// Output: <nil> b says hello <nil> <nil>
}
