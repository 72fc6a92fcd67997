package engine

import (
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// costSample is one in how many of a rule's checks and hits is timed.
const costSample = 16

// SetClock measures the time that each rule takes, without the work that all rules share, on samples and by a monotonic clock in ns. It is called
// before the first worker is handed out. Without a clock nothing is measured; the engine has none of its own.
func (e *Engine) SetClock(clock func() int64) { e.clock = clock }

// timed reports whether the next check is one of the samples. Lines without a candidate rule pay nothing for it.
func (w *Worker) timed() bool {
	if w.engine.clock == nil {
		return false
	}
	w.tried++
	return w.tried%costSample == 0
}

// spent adds a sample that began at a time of the clock.
func (w *Worker) spent(r *rules.Rule, begun int64) {
	if d := w.engine.clock() - begun; d > 0 {
		r.Counters.Spend(costSample * d)
	}
}
