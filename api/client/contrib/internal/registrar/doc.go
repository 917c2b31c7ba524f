// Package registrar keeps what a framework registers, by name and id, for frameworks that hand the same description in twice:
// once to register it, and once to take it out.
//
// Source. None; client.Registration is what does the work.
//
// Guarantees. An instance that is registered again replaces the one of its name and id. The context of a registration bounds
// the first try and does not end it, since frameworks give it a deadline of a few seconds.
//
// Not guaranteed. That a node has the instance when Register returns: if none answers, it is registered when one does.
//
// Concurrency. All methods are safe for any number of goroutines; those for one instance take their turns.
//
// Bounds. As many registrations as there are instances.
package registrar
