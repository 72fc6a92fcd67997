package engine

import (
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// costSample is one in how many of a rule's checks and hits is timed.
const costSample = 16

// SetClock has the time that each rule takes, beside what all rules share, measured on samples by a clock in ns that only moves on. It is called
// before the first worker is handed out. Without a clock nothing is measured; the engine has none of its own.
func (e *Engine) SetClock(clock func() int64) { e.clock = clock }

// timed reports whether what comes now is one of the samples. It costs a line that no rule is a candidate for nothing.
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
