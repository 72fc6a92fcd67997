// Package backtest replays old logs through rules and reports the alerts that they would have sent.
//
// It promises:
//
//   - The rules run on the production engine, and the records' times are the clock. Counts equal those of the live pipeline for the same lines at
//     the same times, and for each rule hits = alerts + suppressed + pending.
//   - Logs are merged by time. Lines of one log keep their order: a line that is older than its predecessors arrives together with them, as in
//     production. Several goroutines match lines and one evaluates the hits, so the result does not depend on the number of goroutines.
//   - Memory is bounded, however long the logs are: by the number of rules, of logs that overlap in time, and of samples.
package backtest
