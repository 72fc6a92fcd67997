// Package engine decides which log lines become alerts: rules, matching, cooldowns, token buckets and exact accounting.
//
// It is pure: it does no I/O, starts no goroutine and never reads a clock; time is an argument. For every rule, at every moment,
//
//	hits = alerts + suppressed (by reason) + pending
//
// holds exactly.
package engine
