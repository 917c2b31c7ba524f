package selfpreserve

// Heir is the member that takes over a lease when its home is gone: the one whose hash together with key is highest
// (rendezvous hashing). It depends on its arguments alone, so that all nodes that see the same members agree without a
// word, and when a member comes or goes only the keys that it gains or had move. The order of members does not matter;
// equal hashes, which one does not live to see, go to the lesser name. Without members it is "".
func Heir(key string, members []string) string {
	heir, best := "", uint64(0)
	k := hash(key)
	for i, m := range members {
		h := mix(k ^ mix(hash(m)))
		if i == 0 || h > best || h == best && m < heir {
			heir, best = m, h
		}
	}
	return heir
}

// hash is FNV-1a.
func hash(s string) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * prime
	}
	return h
}

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): every input bit reaches every output bit.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb
	return x ^ (x >> 31)
}
