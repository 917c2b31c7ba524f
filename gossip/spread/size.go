package spread

// The sizes below are those of the packet codec, which is msgpack: integers, strings, byte strings and arrays with the
// shortest header that holds them. They are known here because what fits a packet is decided here.

// headerSize is version and kind.
const headerSize = 2

// maxArraySize is the longest array header.
const maxArraySize = 5

// Size is an upper bound of the encoded size of m in bytes, tight to four bytes an array. It is 0 for nil.
func Size(m Message) int {
	switch m := m.(type) {
	case Push:
		return headerSize + framesSize(m.Frames)
	case Have:
		return headerSize + spansSize(m.Spans)
	case Want:
		return headerSize + spansSize(m.Spans)
	case SyncRequest:
		return headerSize + 1 + uintSize(m.ID) + bytesSize(len(m.Vector)) + 1
	case SyncChunk:
		return headerSize + 1 + uintSize(m.ID) + uintSize(uint64(m.Index)) + framesSize(m.Frames) + 1 +
			bytesSize(len(m.Summary)) + 1
	case SyncNext:
		return headerSize + 1 + uintSize(m.ID) + uintSize(uint64(m.Index))
	case SyncRefuse:
		return headerSize + 1 + uintSize(m.ID)
	case Compare:
		return headerSize + 1 + uintSize(m.Digest.State) + uintSize(m.Digest.Vector)
	}
	return 0
}

// FrameSize is an upper bound of the encoded size of one frame within a message, in bytes. A Transfer fills a chunk by it.
func FrameSize(f Frame) int {
	n := frameHeadSize(f)
	prev := uint64(0)
	for _, d := range f.Deltas {
		n += deltaSize(d, prev)
		prev = d.Seq
	}
	return n
}

func framesSize(frames []Frame) int {
	n := maxArraySize
	for _, f := range frames {
		n += FrameSize(f)
	}
	return n
}

func spansSize(spans []Span) int {
	n := maxArraySize
	for _, s := range spans {
		n += spanSize(s)
	}
	return n
}

// frameHeadSize is all of a frame but its deltas.
func frameHeadSize(f Frame) int {
	return 1 + stringSize(f.Origin.Node) + uintSize(f.Origin.Incarnation) + stringSize(f.Root) +
		uintSize(uint64(f.Fanout)) + maxArraySize
}

// deltaSize is one delta that follows the sequence prev: sequences travel as differences.
func deltaSize(d Delta, prev uint64) int { return uintSize(d.Seq-prev) + bytesSize(len(d.Body)) }

func spanSize(s Span) int {
	return stringSize(s.Origin.Node) + uintSize(s.Origin.Incarnation) + uintSize(s.Range.First) +
		uintSize(s.Range.Last-s.Range.First)
}

func uintSize(n uint64) int {
	switch {
	case n < 1<<7:
		return 1
	case n < 1<<8:
		return 2
	case n < 1<<16:
		return 3
	case n < 1<<32:
		return 5
	}
	return 9
}

func bytesSize(n int) int {
	switch {
	case n < 1<<8:
		return 2 + n
	case n < 1<<16:
		return 3 + n
	}
	return 5 + n
}

func stringSize(s string) int {
	if n := len(s); n < 32 {
		return 1 + n
	}
	return bytesSize(len(s))
}
