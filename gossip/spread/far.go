package spread

import (
	"slices"
	"strings"

	"github.com/musterhq/muster/catalog/causal"
)

// LinkUp is a gateway of another data centre that this node has a stream to from now on. A link is no membership: what
// goes over it is what this data centre knows and the other lacks, once.
type LinkUp struct {
	// Peer is the gateway, "datacenter/name".
	Peer string
}

// LinkDown is the end of a link.
type LinkDown struct{ Peer string }

// Linked says to which other data centres a data centre has links, as its gateways say. It replaces what was said of it
// before. Who has a link to a data centre gets what is written there from there, and from no one else; who has none gets
// it from all others.
type Linked struct {
	Datacenter string
	To         []string
}

func (LinkUp) isInput()   {}
func (LinkDown) isInput() {}
func (Linked) isInput()   {}

// far is the gateways of other data centres at the other end of this node's links.
type far struct {
	peers []string // sorted
	// told is the digests, its own and the far end's, between which a sync has found nothing new: what makes them unequal is
	// not what it would bring, such as origins that one side has forgotten already.
	told map[string][2]Digest
	// latest is what each far end has said last.
	latest map[string]Digest
	linked map[string][]string
	due    Instant // of the next comparison
}

func (f *far) has(id string) bool { return slices.Contains(f.peers, id) }

// DatacenterOf is the part of a node's id, "datacenter/name", before its name.
func DatacenterOf(id string) string {
	dc, _, _ := strings.Cut(id, "/")
	return dc
}

// linkUp compares with the new neighbour at once: each side pulls what it lacks.
func (e *Engine) linkUp(id string) {
	if id == "" || id == e.cfg.Self || e.roster.has(id) || e.far.has(id) {
		return
	}
	if len(e.far.peers) == 0 {
		e.far.due = e.now + e.cfg.FarDigest
	}
	i, _ := slices.BinarySearch(e.far.peers, id)
	e.far.peers = slices.Insert(e.far.peers, i, id)
	e.request(waiting{peer: id})
}

func (e *Engine) linkDown(id string) {
	i, found := slices.BinarySearch(e.far.peers, id)
	if !found {
		return
	}
	e.far.peers = slices.Delete(e.far.peers, i, i+1)
	delete(e.unequal, id)
	delete(e.far.told, id)
	delete(e.far.latest, id)
	e.forgetSyncs(id)
}

// hears notes what a far end says, and reports whether a sync may be of use.
func (f *far) hears(peer string, mine, theirs Digest) bool {
	if f.latest == nil {
		f.latest = make(map[string]Digest)
	}
	f.latest[peer] = theirs
	told, known := f.told[peer]
	return !known || told != [2]Digest{mine, theirs}
}

// synced notes that a sync over a link has ended.
func (f *far) synced(peer string, mine Digest, fresh int) {
	if f.told == nil {
		f.told = make(map[string][2]Digest)
	}
	delete(f.told, peer)
	if theirs, known := f.latest[peer]; known && fresh == 0 {
		f.told[peer] = [2]Digest{mine, theirs}
	}
}

func (e *Engine) setLinked(l Linked) {
	if e.far.linked == nil {
		e.far.linked = make(map[string][]string)
	}
	if len(l.To) == 0 {
		delete(e.far.linked, l.Datacenter)
		return
	}
	e.far.linked[l.Datacenter] = slices.Clone(l.To)
}

// known reports whether messages can be exchanged with id: a member, or the far end of a link.
func (e *Engine) known(id string) bool { return e.roster.has(id) || e.far.has(id) }

// forward sends frames that are new here over the links, each to those data centres that do not get it otherwise.
func (e *Engine) forward(from string, frames []Frame) {
	own := DatacenterOf(e.cfg.Self)
	for _, peer := range e.far.peers {
		if peer == from {
			continue
		}
		to := DatacenterOf(peer)
		var out []Frame
		for _, f := range frames {
			origin := DatacenterOf(f.Origin.Node)
			if f.Origin.IsPrivate() && planted != "what is private is passed on over a link" {
				continue
			}
			if origin == to || origin != own && slices.Contains(e.far.linked[to], origin) {
				continue
			}
			out = append(out, Frame{Origin: f.Origin, Deltas: f.Deltas})
		}
		if len(out) == 0 {
			continue
		}
		for _, p := range pack(out, e.cfg.MaxFar) {
			e.send([]string{peer}, p, true)
		}
	}
}

// compareFar sends this node's digest over every link, now and then: what a link has lost, or a third data centre has not
// passed on, shows there.
func (e *Engine) compareFar() {
	if len(e.far.peers) == 0 || e.now < e.far.due {
		return
	}
	e.far.due = e.now + e.cfg.FarDigest
	e.send(e.far.peers, Compare{e.cfg.Far.Digest()}, true)
}

// store is the catalog as a peer may see it.
func (e *Engine) store(peer string) Store {
	if e.far.has(peer) {
		return e.cfg.Far
	}
	return e.cfg.Store
}

// strays reports whether an origin is private to one data centre and the peer is in another: neither may say or be told
// anything of it.
func (e *Engine) strays(peer string, o causal.Origin) bool { return o.IsPrivate() && e.far.has(peer) }
