// Package pipeline is the application that the plugin and docker-fluentbit share: it turns chunks and container logs into alerts.
//
// It promises:
//   - A chunk is refused only before any of its lines was evaluated. Otherwise its alerts are stored before Flush returns.
//   - Flush never waits for the network.
//   - A reload that cannot read its sources changes nothing; one with an invalid rule or trigger skips only that.
//   - No panic leaves it: a panic costs the line that caused it, and is counted and logged.
//   - Stop returns before its context ends, and leaves no goroutine behind.
package pipeline
