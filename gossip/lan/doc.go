// Package lan is the pool of nodes of one data centre: who is in it, and how bytes get from one to another. It adapts
// hashicorp/memberlist and decides nothing about the catalog; it carries bytes whose meaning it does not know.
//
// Source. Membership is SWIM (Das, Gupta, Motivala, DSN 2002) with Lifeguard (arXiv 1707.00788), as memberlist v0.7.0
// implements them. Seven things are added, because memberlist lacks them:
//
//   - A rejoin loop. memberlist never comes together again after a cut that outlives its suspicion time. Every node
//     joins, every few seconds, members that it remembers and misses, and the seeds that it does not see.
//   - A greeting. memberlist passes news to members drawn at random, so that some never hear of a join until an exchange
//     of state half a minute later. Whoever sees a member join says hello to it a second or two later, and whoever is
//     greeted by a stranger joins it. So does whoever hears a member that it takes for failed: across a cut in one
//     direction those who hear nothing declare dead whom their listeners hear well.
//   - A fresh identity for each life. memberlist knows a member by name and refuses it at a new address until its old
//     life has been declared dead. Here the identity is the name with a tag made from the incarnation, so a node that
//     restarts, on whatever port and however fast, is another member to memberlist, is taken in at once, and takes the
//     place of its predecessor in every View. What is left to judge is whether two lives are one node that restarted
//     or two nodes with one name; the older one is asked, and if it answers it is the latter.
//   - The sender's name in front of each message, which memberlist does not carry: one byte and the name.
//   - Packets without the label that memberlist repeats in each. What it protects against, a packet of another data
//     centre, fails the seal or the checksum instead, which include it. Only its first byte tells such a packet from
//     memberlist's own, which is read as well; one that does not know it drops it, and is kept out by the wire version.
//   - The difference between a member that left and one that failed, which memberlist keeps to itself: a leaving node
//     tells every member before memberlist says that it is gone.
//   - A stream that comes from another data centre is told which one this is, instead of being closed without a word.
//
// Guarantees. Events come in order, one at a time, outside memberlist's locks, and each is the difference between two
// successive states of one name. A message that has arrived by stream is never dropped while the pool runs. Nothing that
// arrives can make the package panic. No callback runs after Close has returned.
//
// Not guaranteed. Packets are lost, doubled and reordered even on a perfect network (memberlist's queue is last in,
// first out). That a message was written to a stream does not prove that it arrived. Members do not see the same View
// at the same time. The sender's name is as honest as the holders of the key; without keys it is a claim. A member
// whose word that it leaves is lost counts as failed.
//
// Figures, all measured in virtual time with delays of 0.5 to 1 ms on an otherwise healthy network. A crashed node of
// three is declared failed after 1.5 s on average and 2.0 s at most with profile local (30 runs); of 10 after about 6 s
// with profile lan. All nodes of 100 know a member that joins within 2 s. After a cut between two halves all agree
// again within 2.7 s with 10 nodes and 3.5 s with 100, counted from the heal; the bound, when chance lets everyone
// pause, is RejoinMax and 5 s. A node that restarts is seen by all after 0.2 s, or after 1.6 s if it has another port
// and its old address is silent instead of refusing; where gossip passes a member over, 2 s later. An idle node of 20
// sends 2 packets and 132 bytes a second, and as much again in streams.
//
// Concurrency. All methods may be called from any goroutine. Handler and OnDigest run on one goroutine, one call at a
// time; OnEvent runs on another. Digest is called by memberlist and must return at once. No callback may call Close.
//
// Bounds. The message queue holds Config.Queue messages (default 4,096) of at most 1,400 bytes for packets; of streams,
// at most 128 are open inwards and each holds one message of at most MaxStream bytes. At most 4,096 departed members are
// remembered, each for at most Config.Forget. Events wait without a bound, since none may be lost; a callback that
// blocks for ever costs 300 bytes a change of membership.
package lan
