package catalog

import "time"

// Index is a catalog's local, monotonic count of changes, as clients hold it between two questions ("anything since?").
// It is 53 bits wide, so that every JSON reader holds it exactly: 43 bits of count and 10 bits that name the life of the
// node that gave it. The count is a hybrid clock: the larger of the last one plus one, and the milliseconds since 2025.
//
// The tag is what lets a client move between nodes. Counts of two nodes cannot be compared: a change that one of them
// saw late would be skipped, or the same one would be answered for ever. An index with another node's tag, or of
// a node's earlier life, is therefore answered at once, and the client goes on with the index it then gets.
type Index uint64

const (
	indexTagBits  = 10
	indexTagMask  = 1<<indexTagBits - 1
	indexMaxCount = 1<<43 - 1
)

var indexEpoch = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// Newer reports whether a client that holds since has to be told of something that last changed at i, while the catalog
// as a whole stands at now: since is older than i, or it is 0, of another node, of an earlier life, or from the future.
func (i Index) Newer(since, now Index) bool {
	return i&indexTagMask != since&indexTagMask || since < i || since > now
}

// next is the index after i at that wall time, with the tag.
func (i Index) next(wall time.Time, tag uint64) Index {
	count := uint64(i)>>indexTagBits + 1
	if ms := wall.Sub(indexEpoch).Milliseconds(); ms > 0 && uint64(ms) > count && uint64(ms) <= indexMaxCount {
		count = uint64(ms)
	}
	return Index(count<<indexTagBits | tag&indexTagMask)
}
