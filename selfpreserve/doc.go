// Package selfpreserve holds the leases of one registry node and decides which of those that expired may be evicted: it
// tells "instances died" from "I stopped hearing", and in the second case nothing goes.
//
// # The rule
//
// A lease is overdue once 1.5 of its expected intervals have passed without a renewal (declared, else learned, else half
// a TTL), and expired a TTL after its last renewal. Overdue comes before expired, so that a cut is seen before it costs
// anything. In each scope
//
//	lost  = overdue leases + leases evicted within their last TTL
//	total = live leases    + leases evicted within their last TTL
//
// and an expired lease is evicted only if lost/total is at most 1 - Threshold or lost is less than MinLost. The scopes
// are each zone, and the node as a whole over the zones that are not preserving themselves: a zone that is cut off does
// not stop eviction elsewhere, and many small zones that lose less than MinLost each are still seen. Leases inherited
// from dead homes are judged by what the caller knows of the data centre, see Datacenter.
//
// Mixed TTLs. Counted over everyone, the rule fails where short and long leases share a scope: of 10 leases of 2 s and
// 90 of 30 s that are cut off at once, only the 10 are overdue after 2 s, one tenth, and would be evicted. So the rule
// must also allow it counted over those leases only that would be overdue by now had they fallen silent with the one
// that is judged: those whose overdue time is no longer than its silence, and, before it expires, its TTL. As the
// silence lasts, they grow to everyone. If the 10 are dead and the 90 well, the 10 are kept for some 20 s and then go.
// With one TTL in a scope, and intervals up to half of it, they are the whole scope and the rule is the one above.
// Overdue times are told apart by classes a quarter of an octave wide.
//
// A scope is normal, preserving while any of its leases is held, and then recovering until normal. A hold ends when its
// cause has been absent for an interval. Leases that are still silent then get one fresh TTL, and evictions are paced
// and drawn at random, so that no service is emptied at once.
//
// # Evidence
//
// Silence is not death, but a refused connection is. While a scope is preserving, and only then, the Keeper asks by
// Probe actions for a bare connection attempt to each lease that is kept for its sake, and takes what came of it by
// Evidence. Refused evicts at once, whatever the rule says; connected marks the lease reachable; anything else proves
// nothing. So a mass crash on hosts that answer is cleared within seconds of its expiry, and a cut costs nothing.
//
// What is evicted by evidence leaves both sides of the fraction, as if it had been deregistered: lost is silence that is
// not explained. As a crash is cleared, lost falls with it. When those that are left silent are few enough the hold
// ends, an interval later, as after any other cause; and because leases that fall silent together expire within an
// interval of each other, the last of them have been asked by then. What is silent beside a crash is judged among the
// living alone.
//
// A question is drawn at random from those that have not been put yet, then comes again in turn: 100 a second at most,
// and one lease no sooner than after 5 s or half its TTL. Each has a token, and a renewal voids it: a refusal that comes
// late evicts nobody who has been heard of since. Counts of what was found last are in the Scope, and in the reasons,
// from the beginning of an episode until the next. Package probe makes the connections, and says where they mislead.
//
// # Source
//
// The idea is that of Eureka's self-preservation. The rule is not: Eureka compares heartbeats a minute of the whole
// server with an expected number, which is wrong for any other interval, late by minutes, and all or nothing. Each of
// its reported defects is a test in eureka_test.go. Heirs are chosen by rendezvous hashing (Thaler and Ravishankar,
// IEEE/ACM Transactions on Networking 6(1), 1998).
//
// # Guarantees
//
// A lease that is renewed in time is never evicted or preserved. One silent lease of any number is evicted by the first
// Step at or after its TTL. While the rule, or its hysteresis, or a Hold forbids it, nothing is evicted but what refused
// a connection and, if MaxAge is set, what has been preserved for that long. Equal calls and an equal seed give equal
// answers; how often Step is called between other calls changes nothing.
//
// # Not guaranteed
//
// The crash of most of a scope looks like a cut where instances cannot be asked, or their hosts are gone with them, and
// is kept until its share has fallen, or MaxAge. If leases renew every 0.4 of a TTL or more often, all that are cut off
// are overdue before the first expires, and a cut costs nothing. With longer intervals some expire first: up to 0.6
// enough are overdue by then for the rule to hold when everything is cut off; beyond that, or in a cut just above the
// tolerated share, the first may go, but never more than the tolerated share or MinLost - 1. A scope of fewer leases
// than MinLost is not protected, and one of MinLost or one more only at intervals up to 0.4 of a TTL.
//
// # Concurrency and callers' duties
//
// A Keeper is not safe for concurrent use: its owner serialises. It has no clock, goroutine, socket, or log. The owner
// hands it every renewal that has arrived before it calls Step, calls Step at Next or on a tick, carries out the
// Actions, and calls Refresh first when it finds that it was itself stopped, and Hold while it is unwell.
//
// # Bounds
//
// A renewal takes constant time and allocates nothing. Steps take O(log n) a lease and interval. With keys of three
// strings a lease takes about 280 bytes without the text of the strings (measured at 1,000,000), an evicted one is held
// for another TTL, and one that is preserved and may be asked takes some 100 more. A scope takes some 200 bytes and 48
// for each class of overdue times in use. History is 64 transitions.
package selfpreserve
