// Package certificate keeps the certificates that an agent serves with as its files have them, and makes such certificates.
//
// A Keeper reads a certificate, its key and, if wanted, the authorities of the other side from files, and reads them again
// every few seconds and whenever it is told to. It looks at what they contain and not at how they got there, so that files
// that are written over, files that are replaced, and folders behind a symbolic link that is turned round, as Kubernetes
// does it, are all seen. Connections that are up keep what they began with.
//
// Source. TLS is crypto/tls, which decides about versions above the least, about ciphers and about curves. Made
// certificates follow RFC 5280: ECDSA on P-256, names in the subject alternative name alone, an authority that signs no
// other one.
//
// Guarantees. What is in use is always a certificate with its own key. Files that are no such pair, or cannot be read,
// change nothing, and are told of once. A pair of which only one file has been replaced yet is given time until the next
// look. Made keys are readable by their owner alone, and nothing is overwritten.
//
// Not guaranteed. Nothing is revoked: authorities that leave the file count no more for new connections, those that are up
// go on. A certificate that has expired is served all the same, and told of.
//
// Concurrency. All methods of a Keeper may be called by any goroutine; Run is called once.
//
// Bounds. A file of more than 1 MiB is refused.
package certificate
