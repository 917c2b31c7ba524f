package catalog

import (
	"maps"
	"slices"
	"strconv"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

func TestSharingChangesNothingThatCanBeRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s sharing
		names := rapid.SampledFrom([]string{"a", "b", "ab", "1", ""})
		texts := rapid.MapOfN(names, names, 0, 3)
		for range rapid.IntRange(1, 40).Draw(t, "instances") {
			i := &Instance{
				Metadata: texts.Draw(t, "metadata"), Attributes: texts.Draw(t, "attributes"),
				Ports: rapid.MapOfN(names, rapid.IntRange(1, 3), 0, 3).Draw(t, "ports"),
				Tags:  rapid.SliceOfN(names, 0, 3).Draw(t, "tags"),
			}
			before := i.Clone()
			s.instance(i)
			if !maps.Equal(i.Metadata, before.Metadata) || !maps.Equal(i.Attributes, before.Attributes) ||
				!maps.Equal(i.Ports, before.Ports) || !slices.Equal(i.Tags, before.Tags) {
				t.Fatalf("%+v became %+v", before, i)
			}
		}
	})
}

func TestEqualSetsAreHeldOnce(t *testing.T) {
	var s sharing
	say := func(version string) *Instance {
		i := &Instance{
			Metadata: map[string]string{"version": version}, Ports: map[string]int{"grpc": 9090}, Tags: []string{"v" + version},
		}
		s.instance(i)
		return i
	}
	one, other, same := say("1"), say("2"), say("1")
	identity := func(m map[string]string) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&m)) }
	if identity(one.Metadata) != identity(same.Metadata) || &one.Tags[0] != &same.Tags[0] {
		t.Error("equal metadata and tags are held twice")
	}
	if identity(one.Metadata) == identity(other.Metadata) || &one.Tags[0] == &other.Tags[0] {
		t.Error("different metadata is shared")
	}
	for i := range 10_000 { // More than are remembered: memory is bounded, and what was shared stays.
		say(strconv.Itoa(i + 10))
	}
	if one.Metadata["version"] != "1" || same.Metadata["version"] != "1" {
		t.Error("what was shared has changed")
	}
}

func TestMapsThatStayTheCallersAreCopied(t *testing.T) {
	var s sharing
	i := &Instance{Metadata: map[string]string{"version": "1"}, Ports: map[string]int{}, Tags: []string{"a"}}
	metadata, ports, tags := i.Metadata, i.Ports, i.Tags
	s.instance(i)
	metadata["version"], ports["late"], tags[0] = "2", 1, "b"
	if i.Metadata["version"] != "1" || len(i.Ports) != 0 || i.Tags[0] != "a" {
		t.Fatalf("what the caller does with its maps shows: %v %v %v", i.Metadata, i.Ports, i.Tags)
	}
}
