// Package wan is the pool of gateways of all data centres: who is in it, how far apart they are, and the links over which
// bytes get from one data centre to another. It adapts hashicorp/serf and decides nothing about the catalog; it carries
// bytes whose meaning it does not know.
//
// Source. Membership is Serf v0.11 over memberlist v0.7: SWIM (Das, Gupta, Motivala, DSN 2002) with Lifeguard, leave
// intents, a snapshot, and network coordinates (Vivaldi: Dabek, Cox, Kaashoek, Morris, SIGCOMM 2004). Who holds the link of
// a pair of data centres is chosen by rendezvous hashing (Thaler, Ravishankar, 1998). Keys of streams are derived by HKDF
// (RFC 5869). Short messages are compressed by DEFLATE (RFC 1951) with what went over the stream before for a dictionary.
// What Serf lacks is added:
//
//   - A rejoin loop. Serf tries one failed member each 30 s, by chance, and no seed ever.
//   - A fresh identity for each life, as in the pool of a data centre, so that a gateway that restarts is taken in at once.
//     Its old life is forgotten, for Serf would try it, at the same address, for days.
//   - A name conflict is an event. Serf's own vote shuts the loser down.
//   - Tags are told three times, and eight others are asked about a silent gateway: gossip and memberlist's three, drawn at
//     random, miss too much in a pool of a few gateways, most of all while two data centres are cut from each other.
//   - A gateway does not dial itself, with which Serf's rejoin by snapshot would otherwise be content.
//   - Links, on the same port as Serf. A stream that begins with a preface, as none of memberlist's does, is one.
//
// How links are chosen. Each pair of data centres has one. The data centre whose name is smaller dials. All gateways order
// those that are alive of both by hash; the first of the one dials the first of the other, or the next if that does not
// answer. The tags of every gateway name the gateways to which it holds a link, and a link counts as up if both ends name
// each other. While none is up, the second dials after 2 s, the third after 4 s. Of two links the one with the later
// gateways, first by dialer, is closed when the other has been up for 10 s. So links are made before they are broken
// where that can be, and two for a while do no harm.
//
// Guarantees. Messages on a link arrive in the order of Send, once each, until it goes down. The calls about one link
// come one at a time: OnLink with LinkUp, then its messages, then OnLink with LinkDown; and a link to a gateway is down
// before the next to the same gateway is up. Send never waits, and a message that comes alone is written at once; those
// that follow it closely gather for 5 ms at most. A link that carries bytes, however few, is not given up. What arrives
// is bounded before it is believed, and nothing of it can make the package panic. With keys or certificates, no record
// can be read, changed, left out, doubled, moved, sent back or played again on another stream without the link's end.
// Certificates may change while links are up; new links are made with the new ones. No callback runs after Close has
// returned; those of links may run before Start has.
//
// Not guaranteed. That a message was sent does not prove that it arrived: what waits or is under way when a link goes
// down is lost, and whoever replicates begins each link by comparing versions. Gateways do not see the same View at the
// same time. A gateway's word about its name is as honest as the holders of the key, or of a certificate; without
// either it is a claim, and anyone may listen. The lengths of records are not hidden: who may register, and sees how
// long records become, can guess what others have registered shortly before, as with any compression under encryption.
// There is no link against the direction of dialling: a data centre that can only be dialled by one with a later name
// is reached through a third. Two gateways that share a mark (one pair in 16 million) can hide the loss of a link until
// Serf declares a gateway dead. A gateway that leaves may for a moment count as failed.
//
// Figures, all in virtual time with one-way delays of 20 to 40 ms and profile wan. 9 gateways in 3 data centres that
// start at once agree after 0.2 to 0.7 s, are linked in less than another second, and each pair has its one link after
// 11 s. A cut between two data centres: the link is given up after 5.8 s and the tags say so 3.7 s later at most (160
// cuts); after the heal it is back within 2.3 s (the bound is one retry and one dial, 11 s), and the third data
// centre's links and members are not harmed. A gateway without power: its links are taken over after 6 s if it was
// dialled, 9 s if it had dialled (the bounds are 8 and 13 s); one whose process dies or that is closed, after 0.3 s and
// 3.4 s. A data centre that was cut off, for 20 hours or for minutes, is back after 2 to 10 s (the bound is RejoinMax
// and 5 s), where Serf alone needed 18 to 55 s. A restarted gateway is seen by all after 0.3 s and linked 0.2 s later.
// Leave takes 4 s. 998 messages of 62 bytes were 5.1 kB on the wire at once, 200 of 94 bytes one by one 11.1 kB with
// AES-GCM. An idle link costs 26 bytes every 2 s each way, 58 with AES-GCM.
//
// Concurrency. All methods may be called from any goroutine. OnEvent and OnDrained run on one goroutine, one call at a
// time; OnLink and Handler on one for each link. No callback may call Close or Leave.
//
// Bounds. A link holds Config.QueueBytes of messages that wait, one batch of at most 128 KiB or one message that is
// being written, as much that is being read, and for each direction 8 KiB of its past and 45 KiB of what unpacks it;
// there are at most 1,024 links, and one for each peer. A record has at most 1 MiB and 27 bytes, and unpacks to no
// more; until it has arrived it costs no more than twice what did arrive. Streams that are not links yet, or Serf's,
// are at most 128 inwards, and a silent one is let go after 10 s. Tags have 512 bytes, of which at least 8 links get 4
// each; Serf keeps departed gateways for Config.Forget. Events wait without a bound, since none may be lost.
package wan
