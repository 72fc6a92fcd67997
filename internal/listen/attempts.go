package listen

import (
	"sync"
	"time"
)

// maxAddresses bounds the addresses that Attempts counts.
const maxAddresses = 1000

// attemptsIn is the time in which attempts are counted.
const attemptsIn = time.Minute

// Attempts bounds how often each address may try something in a minute. It is safe for concurrent use.
type Attempts struct {
	most int
	now  func() time.Time

	mu sync.Mutex
	of map[string]*tries // by address
}

type tries struct {
	n     int
	since time.Time
}

// NewAttempts returns the bound of so many attempts; now may be nil.
func NewAttempts(most int, now func() time.Time) *Attempts {
	if now == nil {
		now = time.Now
	}
	return &Attempts{most: most, now: now, of: map[string]*tries{}}
}

// Count counts an attempt of an address.
func (a *Attempts) Count(address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	t := a.of[address]
	if t == nil || now.Sub(t.since) >= attemptsIn || now.Before(t.since) {
		if t == nil && len(a.of) >= maxAddresses {
			clear(a.of) // with so many addresses, a limit per address does not help anyway
		}
		t = &tries{since: now}
		a.of[address] = t
	}
	t.n++
}

// Limited reports whether an address has no attempt left. A clock that was set back ends the wait.
func (a *Attempts) Limited(address string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.of[address]
	if t == nil || t.n < a.most {
		return false
	}
	waited := a.now().Sub(t.since)
	return waited >= 0 && waited < attemptsIn
}
