package selfpreserve

// enqueue lets l wait for the draw.
func (k *Keeper[K]) enqueue(l *lease[K]) {
	l.queued, l.due = true, never
	k.queue = append(k.queue, l)
}

// draw evicts some of the leases that wait, at random: no more than the configured share of all leases, and no more than
// that share of any one service, but at least one of each. Those that have become blocked in the meantime are preserved.
func (k *Keeper[K]) draw() {
	k.sift()
	quota := k.share(k.live)
	taken := make(map[*service]int)
	left := k.queue[:0]
	for i := range k.queue {
		if quota == 0 {
			left = append(left, k.queue[i:]...)
			break
		}
		j := i + k.rand.IntN(len(k.queue)-i)
		k.queue[i], k.queue[j] = k.queue[j], k.queue[i]
		l := k.queue[i]
		// The share of a service is that of its size when the round began, so what has been taken counts.
		if taken[l.service] >= k.share(l.service.live+taken[l.service]) {
			left = append(left, l)
			continue
		}
		taken[l.service]++
		quota--
		k.evict(l, k.silenceReason(l))
	}
	clear(k.queue[len(left):])
	k.queue = left
	k.nextDraw = k.now + k.pace
}

// sift drops from the queue what no longer waits: leases that were heard of, each at most once, and blocked ones.
func (k *Keeper[K]) sift() {
	waiting := k.queue[:0]
	for _, l := range k.queue {
		if !l.queued {
			continue
		}
		l.queued = false // a lease that left and came back is here twice
		if k.blocked(l) && !k.aged(l) {
			k.preserve(l)
			continue
		}
		waiting = append(waiting, l)
	}
	for _, l := range waiting {
		l.queued = true
	}
	clear(k.queue[len(waiting):])
	k.queue = waiting
}

// share is how many of n may be evicted in one round.
func (k *Keeper[K]) share(n int) int { return max(1, int(k.fraction*float64(n))) }
