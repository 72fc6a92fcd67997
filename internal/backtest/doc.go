// Package backtest tells what rules would have done with logs that were written before.
//
// It promises:
//
//   - The rules run on the production engine, and time is that of the records. Counts are those that the live pipeline has for the same lines at
//     the same times, and for each rule hits = alerts + suppressed + pending.
//   - Logs are merged by time: at each moment the line comes next whose log stands earliest; lines of one log keep their
//     order, and one that is older than those before it counts as come with them, as it does live. Matching is done by
//     as many goroutines as are asked for, judging by one: the result does not depend on how many there are.
//   - Memory is bounded, however long the logs are: by the number of rules, of logs that overlap in time, and of samples.
package backtest
