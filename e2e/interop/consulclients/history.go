package main

import (
	"slices"
	"strings"
	"sync"
)

// history is what a client has found of each service: its newest list, and the shortest since there was one. The zero
// history is empty. Safe for any number of goroutines.
type history struct {
	mu       sync.Mutex
	services map[string]*found
}

type found struct {
	addresses []string // "host:port", sorted
	fewest    int
}

// saw notes a list as the client has it now.
func (h *history) saw(service string, addresses []string) {
	slices.Sort(addresses)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.services == nil {
		h.services = map[string]*found{}
	}
	f := h.services[service]
	if f == nil {
		if len(addresses) == 0 {
			return // There may be none yet.
		}
		f = &found{fewest: len(addresses)}
		h.services[service] = f
	}
	f.addresses, f.fewest = addresses, min(f.fewest, len(addresses))
}

func (h *history) of(service string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f := h.services[service]; f != nil {
		return f.addresses
	}
	return nil
}

func (h *history) fewest(service string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f := h.services[service]; f != nil {
		return f.fewest
	}
	return -1
}

// bare is an address without a scheme in front.
func bare(url string) string {
	if _, after, ok := strings.Cut(url, "://"); ok {
		return after
	}
	return url
}
