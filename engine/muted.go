package engine

// muted reports whether something outside of the rule holds a hit back, and why: a silence, then an inhibition. It is asked before the
// limiter is locked.
func (w *Worker) muted(*Hit, int64) (why Reason, muted bool) { return 0, false }
