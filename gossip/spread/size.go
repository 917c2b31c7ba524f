package spread

import (
	"math/bits"

	"github.com/musterhq/muster/catalog/causal"
)

// The sizes below are those of the packet codec: see package frame. They are known here because what fits a packet is
// decided here.

const (
	// headerSize is version and kind.
	headerSize = 1
	// tagSize is a tag.
	tagSize = 4
	// maxCountSize is the longest count of what fits a message, which is not known before it is full.
	maxCountSize = 3
)

// Size is the encoded size of m in bytes. It is 0 for nil.
func Size(m Message) int {
	switch m := m.(type) {
	case Push:
		if m.Lone() {
			d := m.Frames[0].Deltas[0]
			return headerSize + tagSize + 1 + uintSize(d.Seq) + len(d.Body)
		}
		return headerSize + framesSize(m.Frames)
	case Have:
		return headerSize + spansSize(m.Spans)
	case Want:
		return headerSize + spansSize(m.Spans)
	case SyncRequest:
		return headerSize + uintSize(m.ID) + bytesSize(len(m.Vector)) + 1
	case SyncChunk:
		return headerSize + uintSize(m.ID) + uintSize(uint64(m.Index)) + framesSize(m.Frames) + 1 + bytesSize(len(m.Summary)) + 1
	case SyncNext:
		return headerSize + uintSize(m.ID) + uintSize(uint64(m.Index))
	case SyncRefuse:
		return headerSize + uintSize(m.ID)
	case Compare:
		return headerSize + uintSize(m.Digest.State) + uintSize(m.Digest.Vector)
	}
	return 0
}

// FrameSize is the encoded size of one frame within a message, in bytes. A Transfer fills a chunk by it.
func FrameSize(f Frame) int {
	n := frameHeadSize(f) + uintSize(uint64(len(f.Deltas)))
	prev := uint64(0)
	for _, d := range f.Deltas {
		n += deltaSize(d, prev)
		prev = d.Seq
	}
	return n
}

func framesSize(frames []Frame) int {
	n := uintSize(uint64(len(frames)))
	for _, f := range frames {
		n += FrameSize(f)
	}
	return n
}

func spansSize(spans []Span) int {
	n := uintSize(uint64(len(spans)))
	for _, s := range spans {
		n += spanSize(s)
	}
	return n
}

// frameHeadSize is all of a frame but its deltas and their count.
func frameHeadSize(f Frame) int { return originSize(f.Origin) + bytesSize(len(f.Root)) + 1 }

// deltaSize is one delta that follows the sequence prev: sequences travel as differences.
func deltaSize(d Delta, prev uint64) int { return uintSize(d.Seq-prev) + bytesSize(len(d.Body)) }

func spanSize(s Span) int {
	n := uintSize(2*min(s.Range.Last-s.Range.First, MaxSpan-1)) + uintSize(s.Range.First)
	if s.Origin.Node == "" {
		return n + tagSize
	}
	return n + originSize(s.Origin)
}

// originSize is an origin, or the tag by which it goes.
func originSize(o causal.Origin) int {
	if o.Node == "" {
		return 1 + tagSize
	}
	return bytesSize(len(o.Node)) + uintSize(o.Incarnation)
}

// uintSize is a varint: seven bits a byte.
func uintSize(n uint64) int { return (bits.Len64(n|1) + 6) / 7 }

// bytesSize is so many bytes behind their number.
func bytesSize(n int) int { return uintSize(uint64(n)) + n }
