package pipeline

import (
	"sync"
	"time"
)

// leastStep is the smallest difference to the monotonic clock that counts as a clock that was set. Smaller ones are adjustments of a running clock.
const leastStep = time.Second

// arrival is the clock that lines are evaluated by. It shows wall-clock time, as silences and receivers do, and detects when that was set or the machine
// slept: such a jump must not count as time that an absence rule waited.
type arrival struct {
	now    func() time.Time
	passed func() time.Duration // monotonic: the time since some moment
	skip   func(ns, now int64)  // called for each jump, before the new time is used

	mu   sync.Mutex
	lead time.Duration // of the wall clock over the monotonic clock
}

// newArrival returns an arrival clock. Without a monotonic clock it detects no jumps.
func newArrival(o *Options, skip func(ns, now int64)) *arrival {
	c := &arrival{now: o.Now, passed: o.Passed, skip: skip}
	if c.passed != nil {
		c.lead = c.measure(c.now())
	}
	return c
}

func (c *arrival) measure(now time.Time) time.Duration {
	return time.Duration(now.UnixNano()) - c.passed()
}

// read returns the time in ns.
func (c *arrival) read() int64 {
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
