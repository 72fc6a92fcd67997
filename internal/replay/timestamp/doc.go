// Package timestamp finds the times in lines of logs: the forms that common software writes, at the start of a line or in the keys of a JSON object.
//
// It promises:
//   - An ambiguous time (the order of day and month, an abbreviation of several zones, a time of day without a date) is no time: the reason is known
//     instead.
//   - When clocks are set back, the times of a log keep increasing.
//   - Reading a time from text allocates no memory.
package timestamp
