package spread

import (
	"slices"
	"sort"

	"github.com/musterhq/muster/catalog/causal"
)

const (
	// maxLacks is how many missing runs are tracked; more call for a sync.
	maxLacks = 1024
	// maxSources is how many peers that have a missing run are remembered.
	maxSources = 4
)

// lacks is the runs of dots known to be missing, in order of origin and sequence, disjoint.
type lacks struct {
	list []lack
	next Instant // The earliest due, or earlier; of use only while list is not empty.
}

// lack is one missing run: when to ask for it, and whom.
type lack struct {
	span    Span
	sources []string
	tries   int
	due     Instant
}

func (l *lack) know(sources []string) {
	for _, id := range sources {
		if id != "" && len(l.sources) < maxSources && !slices.Contains(l.sources, id) {
			l.sources = append(l.sources, id)
		}
	}
}

// add tracks a missing run. The parts of it that are tracked already only gain the sources.
func (l *lacks) add(s Span, sources []string, due Instant) {
	i := sort.Search(len(l.list), func(i int) bool {
		have := l.list[i].span
		if c := have.Origin.Compare(s.Origin); c != 0 {
			return c > 0
		}
		return have.Range.Last >= s.Range.First
	})
	first := s.Range.First
	insert := func(r causal.Range) {
		k := lack{span: Span{s.Origin, r}, due: due}
		k.know(sources)
		if len(l.list) == 0 || due < l.next {
			l.next = due
		}
		l.list = slices.Insert(l.list, i, k)
		i++
	}
	for i < len(l.list) && l.list[i].span.Origin == s.Origin && l.list[i].span.Range.First <= s.Range.Last {
		l.list[i].know(sources)
		have := l.list[i].span.Range
		if first < have.First {
			insert(causal.Range{First: first, Last: have.First - 1})
		}
		if have.Last >= s.Range.Last {
			return
		}
		first = have.Last + 1
		i++
	}
	insert(causal.Range{First: first, Last: s.Range.Last})
}
