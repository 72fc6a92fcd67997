package pipeline

import "sync"

// alertSubscribers wakes those who wait for alerts. Waking costs a lock only while somebody waits.
type alertSubscribers struct {
	mu      sync.Mutex
	waiting map[chan struct{}]struct{}
}

// SubscribeAlerts returns a channel that gets a value when alerts were kept since it was read last, and what ends the subscription. It is a hint:
// alerts that the delivery makes are not announced.
func (p *Pipeline) SubscribeAlerts() (news <-chan struct{}, unsubscribe func()) {
	a := &p.subscribers
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

func (a *alertSubscribers) notify() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for ch := range a.waiting {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}
