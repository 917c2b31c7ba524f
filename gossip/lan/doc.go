// Package lan is the pool of nodes of one data centre: who is in it, and how bytes get from one to another. It adapts
// hashicorp/memberlist and decides nothing about the catalog; it carries bytes whose meaning it does not know.
//
// Source. Membership is SWIM (Das, Gupta, Motivala, DSN 2002) with Lifeguard (arXiv 1707.00788), as memberlist v0.7.0
// implements them. Five things are added, because memberlist lacks them:
//
//   - A rejoin loop. memberlist never comes together again after a cut that outlives its suspicion time. Every node
//     joins, every few seconds, members that it remembers and misses, and the seeds that it does not see.
//   - A fresh identity for each life. memberlist knows a member by name and refuses it at a new address until its old
//     life has been declared dead. Here the identity is the name with a tag made from the incarnation, so a node that
//     restarts, on whatever port and however fast, is another member to memberlist, is taken in at once, and takes the
//     place of its predecessor in every View. What is left to judge is whether two lives are one node that restarted
//     or two nodes with one name; the older one is asked, and if it answers it is the latter.
//   - The sender's name in front of each message, which memberlist does not carry.
//   - The difference between a member that left and one that failed, which memberlist keeps to itself: a leaving node
//     tells every member before memberlist says that it is gone.
//   - A stream that comes from another data centre is told which one this is, instead of being closed without a word.
//
// Guarantees. Events come in order, one at a time, outside memberlist's locks, and each is the difference between two
// successive states of one name. A message that was sent by stream is handed over or its sender has an error, as long
// as the receiver runs. Nothing that arrives can make the package panic. No callback runs after Close has returned.
//
// Not guaranteed. Packets are lost, doubled and reordered even on a perfect network (memberlist's queue is last in,
// first out). Members do not see the same View at the same time. The sender's name is as honest as the holders of the
// key; without keys it is a claim. A member whose word that it leaves is lost counts as failed.
//
// Detection. Profile local declares a crashed node of three after 1.4 s on average and 2.3 s at most when nothing else
// is wrong; profile lan after 7 s with 10 nodes and 12 s with 100; profile wan after 30 s and more.
//
// Concurrency. All methods may be called from any goroutine. Handler and OnDigest run on one goroutine, one call at a
// time; OnEvent runs on another. Digest is called by memberlist and must return at once. No callback may call Close.
//
// Bounds. The message queue holds Config.Queue messages (default 4,096) of at most 1,400 bytes for packets; of streams,
// at most 128 are open inwards and each holds one message of at most MaxStream bytes. At most 4,096 departed members are
// remembered, each for at most Config.Forget. Events wait without a bound, since none may be lost; a callback that
// blocks for ever costs 300 bytes a change of membership.
package lan
