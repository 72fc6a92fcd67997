// Package guard ends panics: a panic ends only the work at hand, and is counted and logged with its stack, or returned as an error.
package guard

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
)

// Recover ends a panic of the calling function, counts it and logs it. It must be deferred itself: defer guard.Recover(…).
func Recover(log *slog.Logger, panics *atomic.Int64, while string) {
	if reason := recover(); reason != nil {
		Report(log, panics, while, reason)
	}
}

// Report counts and logs a panic that the caller recovered, for callers that do more than Recover. The deferred function must call it, because the
// stack of the panic is gone afterwards.
func Report(log *slog.Logger, panics *atomic.Int64, while string, reason any) {
	panics.Add(1)
	log.Error("panic", "while", while, "reason", fmt.Sprint(reason), "stack", string(debug.Stack()))
}

// Panic is a panic as an error. Its text includes the reason and the stack, so it can contain data that the panicking code worked on.
type Panic struct {
	Reason any
	Stack  []byte
}

func (p *Panic) Error() string { return fmt.Sprintf("panic: %v\n%s", p.Reason, p.Stack) }

// Do calls fn and returns its error. If fn panics, Do returns a *Panic.
func Do(fn func() error) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = &Panic{Reason: reason, Stack: debug.Stack()}
		}
	}()
	return fn()
}
