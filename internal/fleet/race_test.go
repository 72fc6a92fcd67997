//go:build race

package fleet

import "runtime"

// The timers of a synctest bubble share one context of the race detector, and two goroutines whose timers are due at once use it at the same
// time: the detector then crashes or claims to be out of memory (Go 1.26, golang/go#78156). On one processor they take turns.
func init() { runtime.GOMAXPROCS(1) }
