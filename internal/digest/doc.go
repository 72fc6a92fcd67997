// Package digest counts hits and alerts since the last digest of a trigger, and puts them in one message.
//
// It promises: counters that start again with a process lose nothing that was added before. What a digest lists is bounded, and so is what a ledger keeps: the
// sums are of everything. It does no I/O, and time is an argument.
package digest
