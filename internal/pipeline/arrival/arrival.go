// Package arrival is the clock that lines are evaluated by: wall-clock time that notices when it was set or the machine slept.
package arrival

import (
	"sync"
	"time"
)

// leastStep is the smallest difference to the monotonic clock that counts as a clock that was set. Smaller ones are adjustments of a running clock.
const leastStep = time.Second

// Clock shows wall-clock time, as silences and receivers do, and detects when that was set or the machine slept: such a jump must not count as time that
// an absence rule waited. It is safe for concurrent use.
type Clock struct {
	now    func() time.Time
	passed func() time.Duration // monotonic: the time since some moment
	skip   func(ns, now int64)

	mu   sync.Mutex
	lead time.Duration // of the wall clock over the monotonic clock
}

// New returns a clock that reads now, and passed, a monotonic clock; if that is nil, it detects no jumps. It calls skip for each jump, before it shows the
// new time.
func New(now func() time.Time, passed func() time.Duration, skip func(ns, now int64)) *Clock {
	c := &Clock{now: now, passed: passed, skip: skip}
	if c.passed != nil {
		c.lead = c.measure(c.now())
	}
	return c
}

func (c *Clock) measure(now time.Time) time.Duration {
	return time.Duration(now.UnixNano()) - c.passed()
}

// Read returns the time in ns.
func (c *Clock) Read() int64 {
	if c.passed == nil {
		return c.now().UnixNano()
	}
	// Held during skip, so that no other reader uses the new time before the deadlines have moved.
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if step := c.measure(now) - c.lead; step.Abs() >= leastStep {
		c.lead += step
		c.skip(int64(step), now.UnixNano())
	}
	return now.UnixNano()
}
