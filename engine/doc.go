// Package engine decides which log lines become alerts: rules, matching, cooldowns, token buckets and exact accounting.
//
// It is pure: it does no I/O, starts no goroutine and never reads a clock; time is an argument. There are two: the time of a record says when something
// happened, the time of its arrival when people are sent something (clocks.go). For every rule, at every moment,
//
//	hits = alerts + suppressed (by reason) + pending
//
// holds exactly.
//
// The path of a record: a Worker finds its hits by the rules of a Snapshot (worker.go, package rules), gathers the context that each is decided by (evaluate.go),
// asks silences and inhibitions before anything is locked (muted.go, package mute), and then the keyed state, which decides (package state). It makes
// the alert of the hit (hit.go) and adds the lines around it (context.go, package lines). Explain decides on copies of the state (explain.go).
//
// The rooms, each of which imports only those before it: match and template look at text; model has the values that all share; deploy knows the
// images of workloads; rules, mute, state and lines are as above. The rest of the program imports this package, which has their types under its own name (face.go).
//
// Keyed state outlives snapshots: it holds the id of a rule, never the rule.
package engine
