package gossiptest

// link is a direction between two hosts.
type link struct{ from, to string }

// Cut stops everything that from sends to to, and nothing of what to sends to from. Streams between the two stall,
// since a stream needs its acknowledgements, and new ones cannot be dialled from either side.
func (n *Network) Cut(from, to string) {
	n.change(func() { n.cuts[link{from, to}] = true })
}

// CutBoth stops everything between a and b.
func (n *Network) CutBoth(a, b string) {
	n.change(func() { n.cuts[link{a, b}], n.cuts[link{b, a}] = true, true })
}

// Partition cuts the network into groups that do not reach each other. Hosts named in no group are one more group. It
// replaces the partition before it, and leaves other cuts as they are.
func (n *Network) Partition(groups ...[]string) {
	n.change(func() {
		n.groups = map[string]int{}
		for i, g := range groups {
			for _, h := range g {
				n.groups[h] = i + 1
			}
		}
	})
}

// Isolate cuts a host from every other: a machine without power, as seen by the rest.
func (n *Network) Isolate(host string) {
	n.change(func() { n.alone[host] = true })
}

// Heal undoes every Cut, CutBoth, Partition and Isolate. What waits in stalled streams arrives.
func (n *Network) Heal() {
	n.change(func() {
		clear(n.cuts)
		clear(n.alone)
		n.groups = nil
	})
}

// SetLoss changes the probability, 0 to 1, that a packet is lost.
func (n *Network) SetLoss(p float64) {
	n.change(func() { n.opts.Loss = p })
}

func (n *Network) change(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	close(n.changed)
	n.changed = make(chan struct{})
}

// cutLocked reports whether what from sends does not reach to. A host always reaches itself.
func (n *Network) cutLocked(from, to string) bool {
	if from == to {
		return false
	}
	return n.cuts[link{from, to}] || n.alone[from] || n.alone[to] || n.groups != nil && n.groups[from] != n.groups[to]
}

// stalled reports whether a stream between the hosts stands still, and gives the channel that closes when that may have
// changed.
func (n *Network) stalled(a, b string) (bool, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cutLocked(a, b) || n.cutLocked(b, a), n.changed
}
