package pipeline

import "sync"

// announcements wakes those who wait for alerts. Waking costs a lock only while somebody waits.
type announcements struct {
	mu      sync.Mutex
	waiting map[chan struct{}]struct{}
}

// Announced returns a channel that gets a value when alerts were kept since it was read last, and what ends the subscription. It is a hint:
// alerts that the delivery makes are not announced.
func (p *Pipeline) Announced() (news <-chan struct{}, unsubscribe func()) {
	a := &p.announced
	ch := make(chan struct{}, 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiting == nil {
		a.waiting = map[chan struct{}]struct{}{}
	}
	a.waiting[ch] = struct{}{}
	return ch, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.waiting, ch)
	}
}

func (a *announcements) tell() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for ch := range a.waiting {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}
