package catalog

import (
	"hash/maphash"
	"maps"
	"slices"
	"strings"
)

// sharing lets instances that say the same hold it once: the metadata, ports, attributes and tags of a fleet are mostly
// those of its few versions, and a small map costs several hundred bytes. It remembers a bounded number of the sets that
// it has seen, and forgets all of them when there are too many; what has been shared stays shared.
//
// It is the writer's, like the catalog that owns it: not safe for concurrent use. The zero sharing is ready.
type sharing struct {
	seed  maphash.Seed
	texts map[uint64]map[string]string
	ports map[uint64]map[string]int
	tags  map[uint64][]string
}

// maxShared is how many sets of each kind are remembered.
const maxShared = 4096

// instance replaces the maps and the tags of an instance by equal ones of an earlier instance, or, where there are none, by
// copies: they stay the caller's. The instance must not be visible to anyone else yet.
func (s *sharing) instance(i *Instance) {
	if s.texts == nil {
		s.seed = maphash.MakeSeed()
		s.texts, s.ports, s.tags = make(map[uint64]map[string]string), make(map[uint64]map[string]int), make(map[uint64][]string)
	}
	if len(i.Metadata) == 0 {
		i.Metadata = nil
	} else {
		i.Metadata = shared(s.texts, s.hashTexts(i.Metadata), i.Metadata, maps.Equal, cloneTexts)
	}
	if len(i.Attributes) == 0 {
		i.Attributes = nil
	} else {
		i.Attributes = shared(s.texts, s.hashTexts(i.Attributes), i.Attributes, maps.Equal, cloneTexts)
	}
	if len(i.Ports) == 0 {
		i.Ports = nil
	} else {
		var h uint64
		for name, port := range i.Ports {
			h += maphash.Comparable(s.seed, struct {
				name string
				port int
			}{name, port})
		}
		i.Ports = shared(s.ports, h, i.Ports, maps.Equal, clonePorts)
	}
	if len(i.Tags) == 0 {
		i.Tags = nil
	} else {
		var h uint64
		for _, tag := range i.Tags {
			h = h*31 + maphash.String(s.seed, tag)
		}
		i.Tags = shared(s.tags, h, i.Tags, slices.Equal, cloneTags)
	}
}

// hashTexts does not depend on the order of the map.
func (s *sharing) hashTexts(m map[string]string) (h uint64) {
	for k, v := range m {
		h += maphash.Comparable(s.seed, [2]string{k, v})
	}
	return h
}

// Copies are whole: the strings that come from a decoder may be parts of a request, which would stay in memory with them.

func cloneTexts(m map[string]string) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[strings.Clone(k)] = strings.Clone(v)
	}
	return out
}

func clonePorts(m map[string]int) map[string]int {
	out := make(map[string]int, len(m))
	for k, v := range m {
		out[strings.Clone(k)] = v
	}
	return out
}

func cloneTags(tags []string) []string {
	out := make([]string, len(tags))
	for i, tag := range tags {
		out[i] = strings.Clone(tag)
	}
	return out
}

// shared is the set that was seen under that hash, if it is equal to set; else a copy of set, which is seen from now on.
func shared[S any](seen map[uint64]S, hash uint64, set S, equal func(a, b S) bool, clone func(S) S) S {
	if old, ok := seen[hash]; ok && equal(old, set) {
		return old
	}
	if len(seen) >= maxShared {
		clear(seen)
	}
	set = clone(set)
	seen[hash] = set
	return set
}
