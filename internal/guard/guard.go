// Package guard ends panics: a panic costs the work at hand, and is counted and logged with its stack.
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
		panics.Add(1)
		log.Error("panic", "while", while, "reason", fmt.Sprint(reason), "stack", string(debug.Stack()))
	}
}
