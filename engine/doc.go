// Package engine decides which log lines become alerts: rules, matching, cooldowns, token buckets and exact accounting.
//
// It is pure: it does no I/O, starts no goroutine and never reads a clock; time is an argument. There are two: the time of a record says when something
// happened, the time of its arrival when people are sent something (clocks.go). For every rule, at every moment,
//
//	hits = alerts + suppressed (by reason) + pending
//
// holds exactly.
//
// The way of a record: a Worker finds its hits by the rules of a Snapshot (worker.go, rule.go), gathers what decides about each (evaluate.go), and asks
// the keyed state (keyed_state.go), where keyState.decide goes through what may suppress the hit, in the order of docs/counting.md. The state of a key is
// four machines that know nothing of each other: window (the cooldown), unreported (what was suppressed since the last alert), slidingCount (the
// threshold) and episode (the escalation). Beside the keys there are token buckets (bucket.go), templates that were seen (template_seen.go), and rules that
// wait for lines (absence.go). What time makes of them is done when it is due (due.go, deadline.go), and all of it is saved and restored (state.go).
// Silences and inhibitions are asked before anything is locked (muted.go), the lines around a hit are added behind (context.go), and Explain decides on
// copies (explain.go, standing.go).
//
// Keyed state outlives snapshots: it holds the id of a rule, never the rule.
package engine
