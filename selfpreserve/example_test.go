package selfpreserve_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/musterhq/muster/selfpreserve"
)

func Example() {
	config := selfpreserve.DefaultConfig[string]()
	config.Compare = cmp.Compare[string]
	config.Rand = rand.New(rand.NewPCG(1, 2))
	keeper, err := selfpreserve.New(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	lease := selfpreserve.Lease{Service: "payments", TTL: 30 * time.Second, Interval: 10 * time.Second}
	for _, id := range []string{"payments-1", "payments-2"} {
		if err := keeper.Grant(0, id, lease); err != nil {
			fmt.Println(err)
		}
	}
	keeper.Renew(20*time.Second, "payments-1")
	for _, a := range keeper.Step(31 * time.Second) {
		fmt.Println(a.Verb, a.Key, a.Reason)
	}
	// Output: evict payments-2 silent for 30s, TTL 30s
}
