package host

import "sync"

// Mailbox hands things from where nobody may wait to the goroutine that sees to them. It has no bound, since nothing may be
// lost. Safe for any number of goroutines. Made by NewMailbox; the zero Mailbox wakes nobody.
type Mailbox[T any] struct {
	// Ready has a value when something has been put since the last one. More than one signal says nothing new.
	Ready chan struct{}

	mu      sync.Mutex
	waiting []T
}

// NewMailbox makes an empty one.
func NewMailbox[T any]() *Mailbox[T] { return &Mailbox[T]{Ready: make(chan struct{}, 1)} }

// Put adds one thing and wakes whoever waits for Ready.
func (m *Mailbox[T]) Put(one T) {
	m.mu.Lock()
	m.waiting = append(m.waiting, one)
	m.mu.Unlock()
	select {
	case m.Ready <- struct{}{}:
	default:
	}
}

// Take is all that waits, in order.
func (m *Mailbox[T]) Take() []T {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.waiting
	m.waiting = nil
	return all
}
