package pipeline

import "sync"

// alertSubscribers wakes subscribers when alerts are stored.
type alertSubscribers struct {
	mu      sync.Mutex
	waiting map[chan struct{}]struct{}
}

// SubscribeAlerts returns a channel with a value after new alerts were stored, and a function that ends the subscription. It is a hint: alerts that the
// delivery itself makes do not wake subscribers.
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
		// A full channel is a wake-up that is pending already; a slow subscriber must not delay the evaluation.
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}
