package taps

import "sync"

// Subscribers are woken when alerts are stored. It is safe for concurrent use; the zero value is ready.
type Subscribers struct {
	mu      sync.Mutex
	waiting map[chan struct{}]struct{}
}

// Subscribe returns a channel with a value after new alerts were stored, and a function that ends the subscription.
func (s *Subscribers) Subscribe() (news <-chan struct{}, unsubscribe func()) {
	ch := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = map[chan struct{}]struct{}{}
	}
	s.waiting[ch] = struct{}{}
	return ch, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.waiting, ch)
	}
}

// Notify wakes all subscribers.
func (s *Subscribers) Notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ch := range s.waiting {
		// A full channel is a wake-up that is pending already; a slow subscriber must not delay the evaluation.
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}
