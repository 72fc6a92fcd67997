package pipeline

import (
	"sync"
	"time"
)

// leastStep is how far the clock has to be from the time that passed to count as set: less is what it is adjusted by as it runs.
const leastStep = time.Second

// arrival is the time by which lines are evaluated. It goes by the clock on the wall, as silences and receivers do, and notices when that was set, or
// the machine slept: that time did not pass, and nothing was waited for in it.
type arrival struct {
	now    func() time.Time
	passed func() time.Duration // since some moment, whatever the clock says
	skip   func(ns, now int64)  // is called at each step, before anybody evaluates by the new time

	mu   sync.Mutex
	lead time.Duration // of the clock over the time that passed
}

// newArrival returns one. Without a measure of the time that passed the clock is believed.
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
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if step := c.measure(now) - c.lead; step.Abs() >= leastStep {
		c.lead += step
		c.skip(int64(step), now.UnixNano())
	}
	return now.UnixNano()
}
