// Package pipeline is the application that the plugin and the standalone program share: chunks go in, webhooks come out.
//
// It promises:
//   - A chunk is refused only before any of its lines was evaluated. Once evaluated, its alerts are kept before Flush returns.
//   - Flush never waits for the network.
//   - A reload that cannot read its sources changes nothing; one with a broken rule or trigger leaves out that part alone.
//   - No panic leaves it: one costs the line that caused it, and is counted and logged.
//   - Stop ends within its context's time and leaves no goroutine behind.
package pipeline
