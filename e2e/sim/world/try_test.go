package world

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

func TestTry(t *testing.T) {
	from, _ := strconv.Atoi(os.Getenv("FROM"))
	n, _ := strconv.Atoi(os.Getenv("N"))
	sc := os.Getenv("SC")
	if sc == "" {
		sc = "mixed"
	}
	fails := map[string]int{}
	first := map[string]string{}
	start := time.Now()
	var ev uint64
	var virt time.Duration
	for s := from; s < from+n; s++ {
		r := Run(Generate(uint64(s), sc, 0))
		ev += r.Stats.Events
		virt += r.Stats.Virtual
		if r.Failure != nil {
			fails[r.Failure.Checker]++
			if len(first[r.Failure.Checker]) < 600 {
				first[r.Failure.Checker] += fmt.Sprintf("\n   seed %d %v", s, r.Failure)
			}
		}
	}
	fmt.Println(n, "seeds in", time.Since(start), "events", ev, "virtual", virt)
	for k, v := range fails {
		fmt.Println(k, v, first[k])
	}
}
func TestReplay(t *testing.T) {
	s, _ := strconv.Atoi(os.Getenv("SEED"))
	sc := os.Getenv("SC")
	if sc == "" {
		sc = "mixed"
	}
	p := Generate(uint64(s), sc, 0)
	b := bufio.NewWriter(os.Stdout)
	defer b.Flush()
	fmt.Fprintln(b, p)
	r := New(p, b).Run()
	fmt.Fprintln(b, r.Failure, r.Stats)
}
