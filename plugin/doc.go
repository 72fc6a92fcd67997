// Package main is the Fluent Bit output plugin "trigger", built as a shared object with -buildmode=c-shared.
//
// It promises the host that no panic leaves it, that a flush never waits for the network, that a chunk is refused only before any of its
// lines was evaluated, that an exit takes 3 seconds at most, and that nothing is left behind by a hot reload. All that it does is done
// by internal/pipeline; this package converts.
package main
