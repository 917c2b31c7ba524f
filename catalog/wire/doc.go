// Package wire encodes what nodes say to each other about the catalog: records, version vectors and sync summaries, and
// the snapshot that a node keeps on disk.
//
// Format. MessagePack (vmihailenco/msgpack v5) arrays, fields by position. A reader skips fields after those it knows,
// and a writer only ever appends fields, so that nodes of neighbouring versions understand each other; what cannot be
// expressed so raises the version of the frame or file around it. A record's body does not hold its dot: the frame
// that carries it names the origin once and the sequence beside each body. The origin says too whether the record is private.
//
//	record       [lamport, wall, kind, namespace, service, id, deletion, body]
//	registration [address, port, weight, ttl ms, status, flags, home, datacenter, zone, registered ms,
//	              [tag...], [key, value...], [name, port...], [check...],
//	              [attribute, value...] only if there are any]
//	lease        [home, status, flags, last renewal ms]
//	check        [id, name, notes, http, tcp, grpc, alias, method, body, tls server name, ttl ms, interval ms,
//	              timeout ms, deregister ms, success before passing, failures before warning and critical, output
//	              bound, initial status, flags, [script...], [header, [value...]...]]
//	override     [status, reason]
//	checks       [[check id, status, output, since ms]...]
//	vector       [[node, incarnation, [first, length, gap, length, ...]]...]
//	summary      [lamport, vector, [node, incarnation, floor...], held vector or nil]
//
// Guarantees. Decoding never panics, never allocates more than a small multiple of its input, and rejects what is not
// well formed, over its limits, or followed by anything (I6). Encode after decode gives the same bytes for what this
// version wrote.
//
// Concurrency. The append functions are safe for any number of goroutines; a Decoder is for one at a time.
package wire
